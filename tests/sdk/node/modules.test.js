'use strict';

/* Modules through the SDK's registry, and the SDK's own module client against what it made. */

const assert = require('node:assert/strict');
const test = require('node:test');
const { ModuleClient } = require('azure-iot-device');
const { Amqp } = require('azure-iot-device-amqp');

const { Hub, keyOf, deadline, eventually } = require('./harness');
const { NoRetry, Registry } = require('./clients');

let hub;
let registry;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.80.1' });
  registry = Registry.fromConnectionString(hub.serviceConnectionString());
});

test.after(() => hub.stop());

const symmetricKey = { primaryKey: keyOf('module first'), secondaryKey: keyOf('module second') };

async function addModule(deviceId, moduleId, more = {}) {
  return (await registry.addModule({ deviceId, moduleId, ...more })).responseBody;
}

function refusal(name, status, code) {
  return (error) => {
    assert.equal(error.name, name);
    assert.equal(error.response.statusCode, status);
    assert.match(JSON.parse(error.responseBody).Message, new RegExp(`^ErrorCode:${code};`));
    return true;
  };
}

test('a module is added, read, listed, updated and removed', async () => {
  await registry.create({ deviceId: 'd1' });
  const added = await addModule('d1', 'm1', { managedBy: 'someone' });
  assert.equal(added.moduleId, 'm1');
  assert.equal(added.deviceId, 'd1');
  assert.equal(added.managedBy, 'someone');
  assert.equal(Buffer.from(added.authentication.symmetricKey.primaryKey, 'base64').length, 32);
  await addModule('d1', 'm2');
  const read = (await registry.getModule('d1', 'm1')).responseBody;
  assert.equal(read.generationId, added.generationId);
  assert.deepEqual((await registry.getModulesOnDevice('d1')).responseBody.map((one) => one.moduleId),
    ['m1', 'm2']);
  const updated = (await registry.updateModule({ ...read, authentication: { type: 'sas', symmetricKey } }))
    .responseBody;
  assert.notEqual(updated.etag, read.etag);
  assert.equal(updated.authentication.symmetricKey.primaryKey, symmetricKey.primaryKey);
  await registry.removeModule('d1', 'm1');
  await assert.rejects(registry.getModule('d1', 'm1'), (error) => {
    assert.equal(error.response.statusCode, 404);
    assert.match(error.responseBody, /ErrorCode:ModuleNotFound/);
    return true;
  });
  assert.equal((await registry.getModulesOnDevice('d1')).responseBody.length, 1);
});

test('a stale module and one that is there already are refused', async () => {
  await registry.create({ deviceId: 'd2' });
  const module = await addModule('d2', 'm1');
  await assert.rejects(addModule('d2', 'm1'), (error) => {
    assert.equal(error.response.statusCode, 409);
    assert.match(error.responseBody, /ErrorCode:ModuleAlreadyExistsOnDevice/);
    return true;
  });
  await registry.updateModule({ ...module, etag: undefined }, true);
  // With a module, the SDK's promise form asks for a callback.
  const remove = (stale) => new Promise((resolve, reject) => {
    registry.removeModule(stale, (error) => (error ? reject(error) : resolve()));
  });
  await assert.rejects(remove(module), refusal('InvalidEtagError', 412, 'PreconditionFailed'));
});

test('modules of a device that is not there are UnauthorizedError', async () => {
  await assert.rejects(addModule('nobody', 'm1'),
    refusal('UnauthorizedError', 401, 'IotHubUnauthorizedAccess'));
});

test('a module client connects over AMQP with its own key and ends with its device', async () => {
  await registry.create({ deviceId: 'd3' });
  await addModule('d3', 'm1', { authentication: { type: 'sas', symmetricKey } });
  const client = ModuleClient.fromConnectionString(
    `HostName=${hub.address};DeviceId=d3;ModuleId=m1;SharedAccessKey=${symmetricKey.primaryKey}`, Amqp);
  client.setRetryPolicy(new NoRetry());
  client.on('error', () => {});
  await deadline(client.open(), 'the module client to open');
  await eventually(async () => (await registry.getModule('d3', 'm1')).responseBody.connectionState === 'Connected',
    'the module to be connected');
  assert.equal((await registry.get('d3')).responseBody.connectionState, 'Disconnected');
  const ended = new Promise((resolve) => client.once('disconnect', resolve));
  await registry.delete('d3');
  await deadline(ended, 'the module to be disconnected');
  await client.close().catch(() => {});
});

test('a module client with the key of its device is refused', async () => {
  await registry.create({ deviceId: 'd4', authentication: { type: 'sas', symmetricKey } });
  await addModule('d4', 'm1');
  const client = ModuleClient.fromConnectionString(
    `HostName=${hub.address};DeviceId=d4;ModuleId=m1;SharedAccessKey=${symmetricKey.primaryKey}`, Amqp);
  client.setRetryPolicy(new NoRetry());
  client.on('error', () => {});
  await assert.rejects(deadline(client.open(), 'the refusal'), { name: 'UnauthorizedError' });
});
