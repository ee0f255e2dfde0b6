/*
 * A devicebound process for one test file: started on a loopback address of its own, stopped by its
 * process id, its exit code asserted.
 *
 * The SDKs learn of a private CA only from NODE_EXTRA_CA_CERTS, which Node.js reads as it starts. So
 * tests/sdk/run makes one CA for the whole run and names its directory in DEVICEBOUND_TEST_CA; every
 * hub here starts with a copy of it.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const ROOT = path.resolve(__dirname, '..', '..', '..');
const POLICY_KEY = Buffer.from('policy key of the SDK test suite').toString('base64');
const PATIENCE_MS = 15000; // for anything that should take milliseconds, on a busy machine

/* The binary under test: DEVICEBOUND_BINARY, else that of the preset in DEVICEBOUND_PRESET. */
function binary() {
  const preset = process.env.DEVICEBOUND_PRESET || 'release';
  const candidates = [
    process.env.DEVICEBOUND_BINARY,
    path.join(ROOT, 'build', preset, 'devicebound'),
    path.join(ROOT, 'build', preset, 'server', 'devicebound'),
  ];
  const found = candidates.find((file) => file && fs.existsSync(file) && fs.statSync(file).isFile());
  assert.ok(found, `no devicebound binary in build/${preset}; set DEVICEBOUND_BINARY`);
  return found;
}

/* `promise`, or an error that says what was waited for. */
function deadline(promise, what, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    // What lost a race must not keep the process alive; what is waited for does.
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms).unref();
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/* Asks `probe` until it answers something true. */
async function eventually(probe, what, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const answer = await probe();
    if (answer) {
      return answer;
    }
    if (Date.now() > end) {
      throw new Error(`waited ${ms} ms for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/* Items that arrive whenever they like, and are asked for one by one. */
class Mailbag {
  constructor(what) {
    this.what = what;
    this.items = [];
    this.waiting = [];
  }

  put(item) {
    const taker = this.waiting.shift();
    if (taker) {
      taker(item);
    } else {
      this.items.push(item);
    }
  }

  take(ms = PATIENCE_MS) {
    if (this.items.length > 0) {
      return Promise.resolve(this.items.shift());
    }
    let taker;
    const taken = new Promise((resolve) => {
      taker = resolve;
      this.waiting.push(taker);
    });
    return deadline(taken, this.what, ms).catch((error) => {
      this.waiting = this.waiting.filter((other) => other !== taker);
      throw error;
    });
  }

  get length() {
    return this.items.length;
  }
}

function keyOf(deviceId) {
  return crypto.createHash('sha256').update(`device key of ${deviceId}`).digest('base64');
}

/* A token of `seconds` from now for `resource`, which goes into it as it stands. */
function sasToken(resource, key, seconds, policy) {
  const expiry = Math.floor(Date.now() / 1000) + seconds;
  const signature = crypto.createHmac('sha256', Buffer.from(key, 'base64'))
    .update(`${resource}\n${expiry}`).digest('base64');
  const owner = policy ? `&skn=${policy}` : '';
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}${owner}`;
}

class Hub {
  /*
   * address    loopback address of this suite
   * devices    ids of devices that exist at start
   * options    further command line options
   * freePorts  true: any free port; else those that the SDKs insist on
   * onDisk     true: keeps its database over restart()
   */
  static async start({ address, devices = [], options = [], freePorts = false, onDisk = false }) {
    const hub = new Hub(address, devices, options, freePorts, onDisk);
    await hub.launch();
    return hub;
  }

  constructor(address, devices, options, freePorts, onDisk) {
    this.address = address;
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'devicebound-test-'));
    const authority = process.env.DEVICEBOUND_TEST_CA;
    if (authority) {
      for (const file of ['ca.pem', 'ca.key']) {
        fs.copyFileSync(path.join(authority, file), path.join(this.directory, file));
        fs.chmodSync(path.join(this.directory, file), 0o600);
      }
    }
    this.devices = devices;
    this.command = ['--bind', address, '--hostname', address, '--control-port', '0',
      '--https-port', freePorts ? '0' : '443', '--amqps-port', freePorts ? '0' : '5671',
      '--mqtts-port', '0', '--data-dir', this.directory, '--shared-access-key', POLICY_KEY];
    if (!onDisk) {
      this.command.push('--in-memory');
    }
    for (const id of devices) {
      this.command.push('--device', `${id}=${keyOf(id)}`);
    }
    this.command.push(...options);
    this.log = [];
  }

  /* Starts the process and waits for its ready line. */
  async launch() {
    const child = spawn(binary(), this.command, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined },
    });
    this.process = child;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    readline.createInterface({ input: child.stderr }).on('line', (line) => {
      this.log.push(line);
      if (this.log.length > 1000) {
        this.log.shift();
      }
    });
    const lines = readline.createInterface({ input: child.stdout });
    const ready = new Promise((resolve) => lines.once('line', resolve));
    const line = await deadline(Promise.race([ready, this.exited]), 'the ready line', 30000);
    assert.equal(typeof line, 'string', `the hub ended: ${JSON.stringify(line)}\n${this.log.join('\n')}`);
    assert.match(line, /^devicebound ready /);
    this.ports = {};
    for (const [, name, port] of line.matchAll(/(\w+)=(\d+)(?= |$)/g)) {
      this.ports[name] = Number(port);
    }
    this.control = `http://${this.address}:${this.ports.control}`;
  }

  /* Ends it as an operator would. */
  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      process.kill(this.process.pid, 'SIGTERM');
    }
    const end = await deadline(this.exited, 'the hub to stop');
    fs.rmSync(this.directory, { recursive: true, force: true });
    assert.deepEqual(end, { code: 0, signal: null }, this.log.join('\n'));
  }

  /* Ends it (by default politely) and starts it again on the same data. */
  async restart(signal = 'SIGTERM') {
    process.kill(this.process.pid, signal);
    const end = await deadline(this.exited, 'the hub to stop');
    assert.deepEqual(end, signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal });
    await this.launch();
  }

  serviceConnectionString(policy = 'iothubowner', key = POLICY_KEY) {
    return `HostName=${this.address};SharedAccessKeyName=${policy};SharedAccessKey=${key}`;
  }

  deviceConnectionString(deviceId, key = keyOf(deviceId)) {
    return `HostName=${this.address};DeviceId=${deviceId};SharedAccessKey=${key}`;
  }

  serviceToken(seconds = 3600, policy = 'service') {
    return sasToken(this.address, POLICY_KEY, seconds, policy);
  }

  deviceToken(deviceId, seconds = 3600, key = keyOf(deviceId)) {
    const resource = encodeURIComponent(`${this.address}/devices/${encodeURIComponent(deviceId)}`);
    return sasToken(resource, key, seconds);
  }

  async ask(method, route, body) {
    const response = await fetch(this.control + route, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${route}: ${response.status} ${text}`);
    return text.length > 0 ? JSON.parse(text) : null;
  }

  /* Moves the hub's clock by an ISO 8601 duration; what fell due has run when this returns. */
  advance(by) {
    return this.ask('POST', '/control/v1/clock/advance', { by });
  }

  freeze() {
    return this.ask('POST', '/control/v1/clock/freeze');
  }

  async now() {
    return new Date((await this.ask('GET', '/control/v1/clock')).now);
  }

  flushFeedback() {
    return this.ask('POST', '/control/v1/feedback/flush');
  }

  /* What the hub has of a device's messages, oldest first. */
  async telemetry(deviceId) {
    return (await this.ask('GET', `/control/v1/devices/${encodeURIComponent(deviceId)}/telemetry`)).items;
  }

  async counts() {
    return (await this.ask('GET', '/control/v1/hub')).counts;
  }
}

module.exports = { Hub, Mailbag, binary, deadline, eventually, keyOf, sasToken, PATIENCE_MS, POLICY_KEY, ROOT };
