'use strict';

/* Twins through the SDK's registry, and the same twin as the SDK's device client sees it. */

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, deadline } = require('./harness');
const { Amqp, DeviceClient, MqttWs, NoRetry, Registry } = require('./clients');

let hub;
let registry;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.80.2', devices: ['d1', 'd2', 'd3'] });
  registry = Registry.fromConnectionString(hub.serviceConnectionString());
});

test.after(() => hub.stop());

const getTwin = async (deviceId) => (await registry.getTwin(deviceId)).responseBody;

async function openDevice(deviceId, transport = Amqp) {
  const client = DeviceClient.fromConnectionString(hub.deviceConnectionString(deviceId), transport);
  client.setRetryPolicy(new NoRetry());
  client.on('error', () => {});
  await deadline(client.open(), 'the device client to open');
  return client;
}

const report = (twin, patch) => deadline(new Promise((resolve, reject) => {
  twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
}), 'the answer to a report');

test('tags and desired properties are updated and read back', async () => {
  const twin = await getTwin('d1');
  const { etag, version } = twin;
  assert.equal(version, 2);
  await twin.update({ tags: { floor: 1 }, properties: { desired: { interval: 5 } } });
  const read = await getTwin('d1');
  assert.equal(read.tags.floor, 1);
  assert.equal(read.properties.desired.interval, 5);
  assert.equal(read.properties.desired.$version, 2);
  assert.equal(read.properties.desired.$metadata.interval.$lastUpdatedVersion, 2);
  assert.notEqual(read.etag, etag);
  assert.equal(twin.etag, read.etag); // the SDK has taken it over from the answer
});

test('an update of a twin that has changed is InvalidEtagError', async () => {
  const { etag } = await getTwin('d2');
  await registry.updateTwin('d2', { tags: { a: 1 } }, etag);
  await assert.rejects(registry.updateTwin('d2', { tags: { a: 2 } }, etag), { name: 'InvalidEtagError' });
  assert.equal((await getTwin('d2')).tags.a, 1);
  await registry.updateTwin('d2', { tags: { a: 3 } }, '*');
  assert.equal((await getTwin('d2')).tags.a, 3);
});

test('what a twin cannot hold is refused to services and devices, and changes nothing', async () => {
  const [amqp, mqtt] = [await openDevice('d1'), await openDevice('d2', MqttWs)];
  const twins = [await deadline(amqp.getTwin(), 'the twin'), await deadline(mqtt.getTwin(), 'the twin')];
  for (const patch of [{ ['n'.repeat(1025)]: 1 }, { a: 's'.repeat(4097) }, { a: 2 ** 52 }, { a: [null] }]) {
    await assert.rejects(registry.updateTwin('d2', { properties: { desired: patch } }, '*'), { name: 'ArgumentError' });
    for (const twin of twins) {
      await assert.rejects(report(twin, patch), /property name|string value|integer|array/i);
    }
  }
  assert.equal((await getTwin('d2')).properties.desired.$version, 1);
  for (const [i, id] of ['d1', 'd2'].entries()) {
    assert.equal((await getTwin(id)).properties.reported.$version, 1);
    await report(twins[i], { ['n'.repeat(1024)]: 's'.repeat(4096), a: [2 ** 52 - 1, { b: -(2 ** 52) }] });
    assert.equal((await getTwin(id)).properties.reported.$version, 2);
  }
  await Promise.all([amqp.close(), mqtt.close()]);
});

test('a twin of an unknown device is DeviceNotFoundError', async () => {
  await assert.rejects(registry.getTwin('nobody'), { name: 'DeviceNotFoundError' });
});

test('a module has a twin of its own', async () => {
  await registry.addModule({ deviceId: 'd1', moduleId: 'm1' });
  await registry.updateModuleTwin('d1', 'm1', { tags: { of: 'the module' } }, '*');
  const twin = (await registry.getModuleTwin('d1', 'm1')).responseBody;
  assert.equal(twin.moduleId, 'm1');
  assert.equal(twin.tags.of, 'the module');
});

test('a device over AMQP reads what is desired, and its reports are in the twin', async () => {
  await registry.updateTwin('d3', { properties: { desired: { mode: 'eco' } } }, '*');
  const client = await openDevice('d3');
  const twin = await deadline(client.getTwin(), 'the twin');
  assert.equal(twin.properties.desired.mode, 'eco');
  await report(twin, { firmware: '2.0', old: { gone: 1 } });
  await report(twin, { old: null });
  const read = await getTwin('d3');
  assert.equal(read.properties.reported.firmware, '2.0');
  assert.equal(read.properties.reported.old, undefined);
  assert.equal(read.properties.reported.$version, 3);
  await client.close();
});
