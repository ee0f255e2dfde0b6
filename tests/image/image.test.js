/*
 * The image as its users run it: with Docker, or podman, whose command line is the same. tests/image/run
 * says which and has made the volume with the CA that this process trusts.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { readFile } = require('node:fs/promises');
const path = require('node:path');
const { test } = require('node:test');

const { ROOT, eventually } = require('../sdk/node/harness');
const { Device, Service, message } = require('../sdk/node/clients');
const { ENGINE, IMAGE, engine, isHealthy } = require('./engine');

const { DEVICEBOUND_VOLUME: VOLUME } = process.env;
const ADDRESS = '127.0.100.2';
const MEGABYTE = 1000 * 1000;

const healthy = (id) => eventually(() => isHealthy(id), 'the container to be healthy');

/* A table among the lines of the test. */
function print(...rows) {
  rows.splice(1, 0, ['---', '---']);
  rows.forEach((row) => console.log(`| ${row.join(' | ')} |`));
}

class Container {
  /* On its own loopback address of this machine, unless the options say otherwise. */
  static async start(t, options = ['--network', 'host', '--volume', `${VOLUME}:/data`], settle = healthy) {
    const id = await engine('run', '--detach', '--env', 'DEVICEBOUND_DEVICES=d1',
      '--env', `DEVICEBOUND_BIND=${ADDRESS}`, '--env', `DEVICEBOUND_HOSTNAME=${ADDRESS}`, ...options, IMAGE);
    const container = new Container(id);
    t.after(() => engine('rm', '--force', '--volumes', id));
    await settle(id);
    return container;
  }

  constructor(id) {
    this.id = id;
  }

  /* One second after the signal the engine would kill it. Gives the exit code. */
  async stop() {
    await engine('stop', '-t', '1', this.id);
    return engine('inspect', '--format', '{{.State.ExitCode}}', this.id);
  }
}

async function connectionStrings(deviceId = 'd1') {
  const ask = async (path) => (await fetch(`http://${ADDRESS}:8180/control/v1/${path}`)).json();
  const { policies } = await ask('hub');
  const { connectionString } = await ask(`devices/${deviceId}`);
  return { service: policies.find(({ name }) => name === 'service').connectionString, device: connectionString };
}

async function openClients() {
  const { service, device } = await connectionStrings();
  return { service: await Service.open(service), device: await Device.open(device) };
}

test('a message passes, from SDK to SDK, though no root serves port 443', async (t) => {
  await Container.start(t);
  const { service, device } = await openClients();
  await service.send('d1', message('hello'));
  const received = await device.next();
  assert.equal(received.getData().toString(), 'hello');
  await device.complete(received);
  await device.close();
  await service.close();
});

test('it stops within a second, clients connected, with exit code 0', async (t) => {
  const container = await Container.start(t);
  const { service, device } = await openClients();
  assert.equal(await container.stop(), '0');
  await device.close().catch(() => {});
  await service.close().catch(() => {});
});

test('another container on the same volume has the messages and the CA', async (t) => {
  const first = await Container.start(t);
  const service = await Service.open((await connectionStrings()).service);
  await service.send('d1', message('kept'));
  await service.close();
  await first.stop();
  await Container.start(t);
  const device = await Device.open((await connectionStrings()).device);
  const received = await device.next();
  assert.equal(received.getData().toString(), 'kept');
  await device.complete(received);
  await device.close();
});

test('any user may run it, on a root that is read only', async (t) => {
  const container = await Container.start(t,
    ['--network', 'host', '--read-only', '--tmpfs', '/data:mode=1777', '--user', '54321:54321']);
  assert.equal(await container.stop(), '0');
});

test('it needs no capability where port 443 is not privileged', async (t) => {
  const container = await Container.start(t, ['--network', 'none', '--env', 'DEVICEBOUND_BIND=0.0.0.0',
    '--sysctl', 'net.ipv4.ip_unprivileged_port_start=0', '--cap-drop', 'ALL',
    '--security-opt', 'no-new-privileges']);
  assert.equal(await container.stop(), '0');
});

test('it says what is wrong where port 443 is privileged and the capability gone', async () => {
  const failed = await engine('run', '--rm', '--network', 'none',
    '--sysctl', 'net.ipv4.ip_unprivileged_port_start=1024', '--cap-drop', 'ALL', IMAGE).catch((error) => error);
  assert.equal(failed.code, 3);
  assert.match(failed.stderr, /^devicebound: port 443 is privileged /m);
});

test('it is small: 90 MB compressed, the program 3 MB', async () => {
  const saved = spawn(ENGINE, ['save', IMAGE], { stdio: ['ignore', 'pipe', 'ignore'] });
  const packed = spawn('gzip', ['-1'], { stdio: [saved.stdout, 'pipe', 'inherit'] });
  let size = 0;
  for await (const part of packed.stdout) {
    size += part.length;
  }
  assert.ok(size > MEGABYTE && size < 90 * MEGABYTE, `the image has ${size} bytes`);
  const program = Number(await engine('run', '--rm', '--network', 'none', '--entrypoint', 'stat',
    IMAGE, '--format', '%s', '/usr/bin/devicebound'));
  assert.ok(program > 0 && program < 3 * MEGABYTE, `the program has ${program} bytes`);
  const megabytes = (bytes) => `${(bytes / MEGABYTE).toFixed(1)} MB`;
  const layers = (await engine('history', '--no-trunc', '--format', '{{.Size}}|{{.CreatedBy}}', IMAGE)).split('\n')
    .map((line) => /^([^|]*)\|(.*)$/.exec(line)).filter(([, bytes]) => Number.parseFloat(bytes) > 0);
  print(['the image', 'size'], ['compressed', megabytes(size)],
    ['unpacked', megabytes(Number(await engine('inspect', '--format', '{{.Size}}', IMAGE)))],
    ['of it the program', megabytes(program)],
    ...layers.map(([, bytes, by]) => [`layer: ${by.replace(/^\/bin\/sh -c (#\(nop\) )?|\s+/g, ' ').trim().slice(0, 60)}`, bytes]));
});

/* Milliseconds from `run` to: the engine is back, the hub is ready, a device has its message. */
async function timeTheStart(t) {
  const begun = performance.now();
  const passed = () => performance.now() - begun;
  const container = await Container.start(t, ['--network', 'host', '--volume', `${VOLUME}:/data`], () => {});
  const times = [passed()];
  await eventually(() => fetch(`http://${ADDRESS}:8180/readyz`).then((answer) => answer.ok, () => false), 'readiness');
  times.push(passed());
  const { service, device } = await openClients();
  await Promise.all([service.send('d1', message('hello')), device.next()]);
  times.push(passed());
  await device.close();
  await service.close();
  assert.equal(await container.stop(), '0');
  return times;
}

test('it starts fast: a device has its message two seconds after run', async (t) => {
  const runs = [];
  for (let i = 0; i < 5; i++) {
    runs.push(await timeTheStart(t));
  }
  const median = (i) => Math.round(runs.map((times) => times[i]).sort((a, b) => a - b)[2]);
  print([`after ${ENGINE} run, median of 5`, 'ms'], ['the engine is back', median(0)], ['the hub is ready', median(1)],
    ['a device has its first message', median(2)]);
  assert.ok(median(2) < 2000, `${median(2)} ms`);
});
