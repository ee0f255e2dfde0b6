'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const test = require('node:test');
const { promisify } = require('node:util');

const { Hub, ROOT, binary } = require('./harness');

const SAMPLE = path.join(ROOT, 'scripts', 'samples', 'node', 'c2d.js');
const ATTEMPTS = 10; // the hub's default maximum of deliveries

function expectedOutput() {
  const lines = ['--- 1. the device completes a message', 'service: sent completed-1',
    'device: received completed-1: switch the light on', 'device: complete completed-1',
    'feedback: completed-1: Success',
    '--- 2. the device rejects a message', 'service: sent rejected-1',
    'device: received rejected-1: open the pod bay doors', 'device: reject rejected-1',
    'feedback: rejected-1: Rejected',
    '--- 3. the device abandons a message until the hub gives up', 'service: sent abandoned-1'];
  for (let i = 0; i < ATTEMPTS; i++) {
    lines.push('device: received abandoned-1: try again', 'device: abandon abandoned-1');
  }
  lines.push('feedback: abandoned-1: DeliveryCountExceeded',
    '--- 4. a message expires while the device is away', 'service: sent expired-1',
    'feedback: expired-1: Expired',
    '--- 5. the service purges what waits for the device', 'service: sent purged-1',
    'service: purged 1', 'feedback: purged-1: Purged', 'done');
  return lines;
}

/* The service may learn of its send after the device has the message: the lines of each speaker are
 * in order, those of different speakers within a part need not be. */
function bySpeaker(lines) {
  const parts = [];
  for (const line of lines) {
    if (line.startsWith('---')) {
      parts.push({ title: line });
    } else {
      const speaker = line.split(':')[0];
      (parts.at(-1)[speaker] ||= []).push(line);
    }
  }
  return parts;
}

test('the sample shows every end of a message with its feedback', async (t) => {
  const hub = await Hub.start({ address: '127.0.20.2', devices: ['demo'] });
  t.after(() => hub.stop());
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [SAMPLE], {
    timeout: 60000,
    env: {
      ...process.env,
      SERVICE_CONNECTION_STRING: hub.serviceConnectionString('service'),
      DEVICE_CONNECTION_STRING: hub.deviceConnectionString('demo'),
      CONTROL_URL: hub.control,
      NODE_NO_WARNINGS: '1', // the SDK gives TLS an IP address as server name
    },
  });
  assert.equal(stderr, '');
  assert.deepEqual(bySpeaker(stdout.trim().split('\n')), bySpeaker(expectedOutput()));
});

test('the sample says what it needs', async () => {
  const env = { ...process.env };
  delete env.SERVICE_CONNECTION_STRING;
  const failed = await promisify(execFile)(process.execPath, [SAMPLE], { env }).catch((error) => error);
  assert.equal(failed.code, 2);
  assert.match(failed.stderr, /^set SERVICE_CONNECTION_STRING and DEVICE_CONNECTION_STRING$/m);
});

/* As its users run it, but for the address. */
async function runTestsOf(language, command, ...words) {
  const env = { ...process.env, DEVICEBOUND: binary(), DEVICEBOUND_BIND: '127.0.20.19', DEVICEBOUND_HOSTNAME: '127.0.20.19' };
  delete env.NODE_TEST_CONTEXT; // it would report to this runner
  const cwd = path.join(ROOT, 'scripts', 'samples', language);
  return (await promisify(execFile)(command, words, { cwd, env, timeout: 60000 })).stdout;
}

test('the integration test of the Node.js sample passes', async () => {
  assert.match(await runTestsOf('node', 'npm', 'test'), /^# pass 5$/m);
});

test('the integration test of the Python sample passes', async () => {
  assert.match(await runTestsOf('python', '.venv/bin/pytest'), / 4 passed/);
});
