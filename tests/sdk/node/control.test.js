/*
 * What the control API does to SDKs that know nothing of it: faults, simulated devices, reset,
 * snapshots, tokens that follow the hub's clock.
 */
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');

const { Hub, POLICY_KEY, deadline, eventually } = require('./harness');
const {
  Amqp, Device, DeviceClient, Feedback, Http, MqttWs, NoRetry, Registry, Service, message,
} = require('./clients');

const API = '/control/v1';

let hub;
let count = 0;

test.before(async () => {
  const devices = Array.from({ length: 20 }, (_, i) => `d${i}`);
  hub = await Hub.start({ address: '127.0.90.2', devices });
});

test.after(async () => {
  await hub.stop();
});

const nextId = () => `d${count++}`;

async function openDevice(t, id) {
  const device = await Device.open(hub.deviceConnectionString(id));
  t.after(() => device.close().catch(() => {}));
  return device;
}

async function openService(t) {
  const service = await Service.open(hub.serviceConnectionString('service'));
  t.after(() => service.close().catch(() => {}));
  return service;
}

/* One rule, gone when the test ends. */
async function addFault(t, match, action, bounds = { times: 1 }) {
  const rule = await hub.ask('POST', `${API}/faults`, { match, action, ...bounds });
  const find = async () => (await hub.ask('GET', `${API}/faults`)).items.find(({ id }) => id === rule.id);
  t.after(async () => (await find()) && hub.ask('DELETE', `${API}/faults/${rule.id}`));
  return { applied: async () => (await find()).applied };
}

const depth = async (id) => (await hub.ask('GET', `${API}/devices/${id}`)).queue;

test('a send is throttled once', async (t) => {
  const id = nextId();
  const service = await openService(t);
  await addFault(t, { protocol: 'amqp', device: id, operation: 'send' }, { type: 'error', code: 429001 });
  await assert.rejects(service.send(id, message('x')), (error) => error.name === 'ThrottlingError');
  await service.send(id, message('x'));
  assert.equal((await depth(id)).enqueued, 1);
});

/* Of a device: the service SDK is not fit for this. It keeps its timers, or calls itself without end. */
test('a connection is reset after the commit of telemetry: it is there', async (t) => {
  const id = nextId();
  const device = await openDevice(t, id);
  await addFault(t, { protocol: 'amqp', device: id, operation: 'send' }, { type: 'drop', when: 'afterCommit' });
  await assert.rejects(deadline(device.client.sendEvent(message('x')), 'the answer'));
  assert.equal((await hub.telemetry(id)).length, 1);
});

test('an AMQP device is given a message twice, late', async (t) => {
  const id = nextId();
  const device = await openDevice(t, id);
  await addFault(t, { device: id, operation: 'deliver' }, { type: 'duplicate' });
  await hub.ask('POST', `${API}/devices/${id}/messages`, { messageId: 'twice' });
  const [first, second] = [await device.next(), await device.next()];
  assert.deepEqual([first.messageId, second.messageId], ['twice', 'twice']);
  await device.complete(first);
  const fault = await addFault(t, { device: id, operation: 'deliver' }, { type: 'delay', duration: 'PT0.3S' });
  const begin = Date.now();
  await hub.ask('POST', `${API}/devices/${id}/messages`, { messageId: 'late' });
  const late = await device.next();
  assert.equal(late.messageId, 'late');
  assert.ok(Date.now() - begin >= 300);
  assert.equal(await fault.applied(), 1);
  await device.complete(late);
});

test('a settlement comes after its lock has lapsed', async (t) => {
  const id = nextId();
  const device = await openDevice(t, id);
  await hub.ask('POST', `${API}/devices/${id}/messages`, { messageId: 'm' });
  const lost = await device.next();
  await addFault(t, { device: id, operation: 'settle' }, { type: 'expire-lock' });
  await device.complete(lost).catch(() => {});
  const again = await device.next();
  assert.equal(again.messageId, 'm');
  await device.complete(again);
  await eventually(async () => (await depth(id)).invisible === 0, 'the message to be completed');
});

test('an AMQP link is refused, then given', async (t) => {
  const id = nextId();
  await addFault(t, { device: id, operation: 'attach' }, { type: 'error', code: 'DeviceNotFound' });
  const refused = DeviceClient.fromConnectionString(hub.deviceConnectionString(id), Amqp);
  refused.setRetryPolicy(new NoRetry());
  refused.on('error', () => {});
  await assert.rejects(deadline(refused.open(), 'open').then(() => refused.sendEvent(message('x'))),
    (error) => /NotFound/.test(error.name));
  await refused.close().catch(() => {});
  const device = await openDevice(t, id);
  await hub.ask('POST', `${API}/devices/${id}/messages`, {});
  await device.complete(await device.next());
});

test('an MQTT client that is turned away comes again', async (t) => {
  const id = nextId();
  const fault = await addFault(t, { protocol: 'mqtt', device: id, operation: 'connect' },
    { type: 'error', code: 'ServiceUnavailable' });
  const client = DeviceClient.fromConnectionString(hub.deviceConnectionString(id), MqttWs);
  t.after(() => client.close());
  await deadline(client.open(), 'open'); // the SDK's own policy tries again
  assert.equal(await fault.applied(), 1);
});

test('an HTTPS device is told of a throttle, and hears of nothing that is lost', async (t) => {
  const id = nextId();
  const client = DeviceClient.fromConnectionString(hub.deviceConnectionString(id), Http);
  client.setRetryPolicy(new NoRetry());
  t.after(() => client.close());
  await client.open();
  await addFault(t, { protocol: 'https', device: id, operation: 'send' }, { type: 'error', code: 429001 });
  await assert.rejects(deadline(client.sendEvent(message('x')), 'send'), /Too Many Requests/);
  await addFault(t, { protocol: 'https', device: id, operation: 'send' }, { type: 'lose-ack' });
  await assert.rejects(deadline(client.sendEvent(message('x')), 'send'));
  assert.equal((await hub.telemetry(id)).length, 1);
});

test('a played device answers a service that waits for its feedback', async (t) => {
  const id = nextId();
  const service = await openService(t);
  const feedback = await Feedback.of(service, hub);
  await hub.ask('PUT', `${API}/devices/${id}/simulator`,
    { do: 'abandon', times: 2, then: { do: 'complete', delay: 'PT0.05S' } });
  await service.send(id, message('x', { messageId: 'played', ack: 'full' }));
  assert.equal((await feedback.record('played')).statusCode, 'Success');
  const { items } = await hub.ask('GET', `${API}/journal?messageId=played&event=completed`);
  assert.equal(items[0].deliveryCount, 2);
});

test('tokens that follow the clock end with it', async (t) => {
  const id = nextId();
  const device = await Device.of(DeviceClient.fromSharedAccessSignature(hub.deviceToken(id, 3600), Amqp));
  t.after(() => device.close().catch(() => {}));
  await hub.ask('PATCH', `${API}/clock`, { tokens: true });
  await hub.advance('PT59M');
  await hub.ask('POST', `${API}/devices/${id}/messages`, { messageId: 'm' });
  await device.next();
  await hub.advance('PT7M'); // a token has five minutes of grace
  await device.disconnects.take();
  await hub.ask('PATCH', `${API}/clock`, { tokens: false });
});

test('a snapshot gives a message back that was completed since', async (t) => {
  const id = nextId();
  await hub.ask('POST', `${API}/devices/${id}/messages`, { messageId: 'm' });
  await hub.ask('POST', `${API}/snapshots/before`);
  const device = await openDevice(t, id);
  await device.complete(await device.next());
  await hub.ask('POST', `${API}/snapshots/before/restore`);
  await device.disconnects.take();
  const again = await openDevice(t, id);
  assert.equal((await again.next()).messageId, 'm');
});

test('a reset drops who is connected and begins anew', async (t) => {
  const id = nextId();
  const service = await openService(t);
  const device = await openDevice(t, id);
  await hub.ask('PUT', `${API}/devices/more`, {});
  await service.send('more', message('x'));
  await hub.ask('POST', `${API}/reset`);
  await device.disconnects.take();
  const counts = await hub.counts();
  assert.deepEqual([counts.devices, counts.enqueued, counts.invisible, counts.feedbackPending], [20, 0, 0, 0]);
  const again = await openDevice(t, id); // with the key it had
  await (await openService(t)).send(id, message('after'));
  await again.complete(await again.next());
});

test('a trace that is turned on shows what the SDKs say, and none of their secrets', async (t) => {
  const id = `traced-${process.pid}`;
  await hub.ask('PATCH', `${API}/hub`, { trace: ['amqp', 'mqtt', 'https'] });
  t.after(() => hub.ask('PATCH', `${API}/hub`, { trace: [] }));
  const registry = Registry.fromConnectionString(hub.serviceConnectionString());
  const { responseBody: { authentication } } = await registry.create({ deviceId: id });
  const { primaryKey, secondaryKey } = authentication.symmetricKey;
  assert.ok(primaryKey && secondaryKey);
  const service = await openService(t);
  for (const transport of [Amqp, MqttWs, Http]) {
    const client = DeviceClient.fromConnectionString(hub.deviceConnectionString(id, primaryKey), transport);
    t.after(() => client.close().catch(() => {}));
    await deadline(client.sendEvent(message('x')), `telemetry over ${transport.name}`);
  }
  await service.send(id, message('x'));
  await registry.delete(id);
  const seen = () => ['AMQP-FRAME', 'MQTT-TRACE', `HTTPS-TRACE PUT /devices/${id}?`,
    `HTTPS-TRACE 204 to POST /devices/${id}/messages/events`, `HTTPS-TRACE 204 to DELETE /devices/${id}`]
    .every((wanted) => hub.log.some((line) => line.includes(wanted)));
  await eventually(seen, 'the trace in the log');
  const log = hub.log.join('\n');
  for (const secret of [primaryKey, secondaryKey, POLICY_KEY]) {
    assert.ok(!log.includes(secret) && !log.includes(encodeURIComponent(secret)), 'a key is in the log');
  }
  const signatures = log.match(/sig(=|%3d)[^&" ]*/gi);
  assert.deepEqual([...new Set(signatures)], ['sig=***']);
});

test('what the config file puts into a queue is there at the start, after a reset, and only then', async (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'devicebound-test-'));
  const file = path.join(directory, 'config.json');
  fs.writeFileSync(file, JSON.stringify({
    devices: [{ deviceId: 'seeded', messages: [{ body: 'first', ack: 'full' }, { body: 'second' }] }],
  }));
  const seeded = await Hub.start({
    address: '127.0.90.3', freePorts: true, onDisk: true, options: ['--config', file],
  });
  t.after(async () => {
    await seeded.stop();
    fs.rmSync(directory, { recursive: true });
  });
  const waiting = async () => (await seeded.ask('GET', `${API}/devices/seeded/messages`)).items
    .map((item) => item.body.text);
  assert.deepEqual(await waiting(), ['first', 'second']);
  await seeded.ask('DELETE', `${API}/devices/seeded/messages`);
  await seeded.restart();
  assert.deepEqual(await waiting(), [], 'a device that was there has had them');
  await seeded.ask('POST', `${API}/reset`);
  assert.deepEqual(await waiting(), ['first', 'second']);
});
