/*
 * A thousand resets in a row, each of a hub that has devices, messages, feedback, a fault, a device
 * that it plays and somebody connected: nothing of them stays.
 */
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const test = require('node:test');

const { Hub, deadline, eventually } = require('./harness');

const API = '/control/v1';
const WARM_UP = 200;
const RESETS = 1000;
const GROWTH_MAX_KB = 2 * 1024;

let hub;

test.before(async () => {
  // A build with AddressSanitizer keeps what was freed: here it would be taken for growth.
  process.env.ASAN_OPTIONS = [process.env.ASAN_OPTIONS, 'quarantine_size_mb=1'].filter(Boolean).join(':');
  hub = await Hub.start({ address: '127.0.130.9', devices: ['d1'], freePorts: true, onDisk: true });
});

test.after(async () => {
  await hub.stop();
});

const descriptors = () => fs.readdirSync(`/proc/${hub.process.pid}/fd`).length;

function residentKb() {
  const status = fs.readFileSync(`/proc/${hub.process.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]);
}

/* Something of everything, then none of it. */
async function live() {
  await hub.ask('PUT', `${API}/devices/d2`);
  await hub.ask('PUT', `${API}/devices/d2/simulator`, { do: 'reject' });
  await hub.ask('POST', `${API}/devices/d2/messages`, { body: 'x'.repeat(1000), ack: 'full' });
  await hub.ask('POST', `${API}/devices/d1/messages`, { body: 'x'.repeat(1000), ack: 'full' });
  await hub.ask('POST', `${API}/devices/d1/receive`);
  await hub.ask('POST', `${API}/faults`, { action: { type: 'drop' }, match: { device: 'd2' } });
  await hub.ask('POST', `${API}/clock/advance`, { by: 'PT61S' });
  const client = net.connect(hub.ports.amqps, hub.address);
  const gone = new Promise((resolve) => {
    client.on('error', () => {}).on('close', resolve);
  });
  await new Promise((resolve) => {
    client.on('connect', resolve);
  });
  await hub.ask('POST', `${API}/reset`);
  return { client, gone };
}

async function liveTimes(count) {
  for (let i = 0; i < count; i++) {
    const { client, gone } = await live();
    client.destroy();
    await deadline(gone, 'the connection to end');
  }
}

test('a thousand resets leave nothing behind', async (t) => {
  await liveTimes(WARM_UP);
  const before = { kb: residentKb(), files: descriptors() };
  const begin = performance.now();
  await liveTimes(RESETS);
  const growth = residentKb() - before.kb;
  t.diagnostic(`| ${RESETS} resets of a hub with something of everything: `
    + `${((performance.now() - begin) / RESETS).toFixed(1)} ms each with what came before it, `
    + `memory ${growth} KB more |`);
  assert.ok(growth < GROWTH_MAX_KB, `${growth} KB`);
  await eventually(() => descriptors() <= before.files, 'every descriptor to be closed');
  const { devices, enqueued, invisible, feedbackPending, connections } = await hub.counts();
  assert.deepEqual([devices, enqueued, invisible, feedbackPending, connections], [1, 0, 0, 0, 0]);
});
