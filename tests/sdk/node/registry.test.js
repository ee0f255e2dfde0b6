'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { IoTHubTokenCredentials } = require('azure-iothub');
const { IotHubGatewayServiceAPIs } = require('azure-iothub/dist/pl/iotHubGatewayServiceAPIs');

const { Hub, keyOf } = require('./harness');
const { Registry, Service, message } = require('./clients');

let hub;
let registry;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.20.3' });
  registry = Registry.fromConnectionString(hub.serviceConnectionString());
});

test.after(() => hub.stop());

/* The SDK's error class, the status, and IoT Hub's name of the error in the answer's body. */
function refusal(name, status, code) {
  return (error) => {
    assert.equal(error.name, name);
    assert.equal(error.response.statusCode, status);
    assert.match(JSON.parse(error.responseBody).Message, new RegExp(`^ErrorCode:${code};`));
    return true;
  };
}

const create = async (deviceId, more = {}) => (await registry.create({ deviceId, ...more })).responseBody;
const get = async (deviceId) => (await registry.get(deviceId)).responseBody;

test('a created device has keys, a generation and an ETag, and is enabled', async () => {
  const device = await create('created');
  assert.equal(device.deviceId, 'created');
  assert.equal(device.status, 'enabled');
  assert.match(device.generationId, /^\d+$/);
  assert.ok(device.etag.length > 0);
  assert.equal(Buffer.from(device.authentication.symmetricKey.primaryKey, 'base64').length, 32);
  assert.notEqual(device.authentication.symmetricKey.primaryKey,
    device.authentication.symmetricKey.secondaryKey);
  assert.equal(device.cloudToDeviceMessageCount, 0);
  assert.equal(device.connectionState, 'Disconnected');
  const again = await get('created');
  for (const field of ['deviceId', 'generationId', 'etag', 'status', 'authentication', 'capabilities']) {
    assert.deepEqual(again[field], device[field], field);
  }
});

test('a device is created with the keys it is given', async () => {
  const symmetricKey = { primaryKey: keyOf('first'), secondaryKey: keyOf('second') };
  const device = await create('given', { authentication: { type: 'sas', symmetricKey } });
  assert.deepEqual({ ...device.authentication.symmetricKey }, symmetricKey);
});

test('creating a device twice is DeviceAlreadyExistsError', async () => {
  await create('twice');
  await assert.rejects(create('twice'), refusal('DeviceAlreadyExistsError', 409, 'DeviceAlreadyExists'));
});

test('an unknown device is DeviceNotFoundError to get, update and delete', async () => {
  await assert.rejects(registry.get('nobody'), refusal('DeviceNotFoundError', 404, 'DeviceNotFound'));
  await assert.rejects(registry.update({ deviceId: 'nobody', status: 'disabled' }),
    refusal('DeviceNotFoundError', 404, 'DeviceNotFound'));
  await assert.rejects(registry.delete('nobody'), refusal('DeviceNotFoundError', 404, 'DeviceNotFound'));
});

test('an id that no device can have is ArgumentError', async () => {
  await assert.rejects(registry.create({ deviceId: 'with space' }),
    (error) => error.name === 'ArgumentError' && error.response.statusCode === 400);
});

test('ids with every permitted character come back as they were', async () => {
  const id = "a-b:c.d+e%f_g#h*i?j!k(l)m,n=o@p$q'r;s";
  assert.equal((await create(id)).deviceId, id);
  assert.equal((await get(id)).deviceId, id);
  await registry.delete(id);
});

test('an update changes the status and the ETag, and keeps the generation', async () => {
  const before = await create('updated');
  await registry.update({ ...before, status: 'disabled', statusReason: 'maintenance' });
  const after = await get('updated');
  assert.equal(after.status, 'disabled');
  assert.equal(after.statusReason, 'maintenance');
  assert.notEqual(after.etag, before.etag);
  assert.equal(after.generationId, before.generationId);
});

test('a device deleted and created again is another generation', async () => {
  const before = await create('reborn');
  await registry.delete('reborn');
  await assert.rejects(registry.get('reborn'), refusal('DeviceNotFoundError', 404, 'DeviceNotFound'));
  const after = await create('reborn');
  assert.ok(BigInt(after.generationId) > BigInt(before.generationId));
});

test('list names the devices', async () => {
  await create('listed');
  const ids = (await registry.list()).responseBody.map((device) => device.deviceId);
  assert.ok(ids.includes('listed'));
  assert.equal(new Set(ids).size, ids.length);
});

test('bulk: devices are added, updated and removed', async () => {
  const devices = Array.from({ length: 20 }, (_, i) => ({ deviceId: `bulk-${i}` }));
  const added = (await registry.addDevices(devices)).responseBody;
  assert.deepEqual([added.isSuccessful, added.errors.length], [true, 0]);
  const changes = devices.map((device) => ({ ...device, status: 'disabled' }));
  const updated = (await registry.updateDevices(changes, true)).responseBody;
  assert.equal(updated.isSuccessful, true);
  assert.equal((await get('bulk-7')).status, 'disabled');
  const removed = (await registry.removeDevices(devices, true)).responseBody;
  assert.equal(removed.isSuccessful, true);
  await assert.rejects(registry.get('bulk-7'), refusal('DeviceNotFoundError', 404, 'DeviceNotFound'));
});

/* A bulk that failed in part is 200 or 400 with the same body: the SDK gives one as an answer and the
 * other as an error. */
async function failedBulk(call) {
  const answer = await call.then((done) => done.responseBody, (error) => JSON.parse(error.responseBody));
  assert.equal(answer.isSuccessful, false);
  return answer.errors;
}

test('bulk: what exists already is named, and the rest is added', async () => {
  await create('bulk-there');
  const errors = await failedBulk(
    registry.addDevices([{ deviceId: 'bulk-there' }, { deviceId: 'bulk-new' }]));
  assert.equal(errors.length, 1);
  assert.equal(errors[0].deviceId, 'bulk-there');
  assert.equal(errors[0].errorCode, 409001);
});

test('bulk: an update with an old ETag is refused, and the device is as it was', async () => {
  const old = await create('bulk-etag');
  await registry.update({ ...old, statusReason: 'in between' });
  const errors = await failedBulk(registry.updateDevices([{ ...old, statusReason: 'late' }], false));
  assert.equal(errors[0].deviceId, 'bulk-etag');
  assert.equal(errors[0].errorCode, 412001);
  assert.equal((await get('bulk-etag')).statusReason, 'in between');
  const now = await get('bulk-etag');
  const done = (await registry.updateDevices([{ ...now, statusReason: 'in time' }], false)).responseBody;
  assert.equal(done.isSuccessful, true);
  assert.equal((await get('bulk-etag')).statusReason, 'in time');
});

function serviceApi() {
  const credentials = new IoTHubTokenCredentials(hub.serviceConnectionString());
  return new IotHubGatewayServiceAPIs(credentials, {
    baseUri: `https://${hub.address}`, apiVersion: '2021-04-12',
  });
}

test('an update with an old ETag is 412, in the SDK InvalidEtagError', async () => {
  const old = await create('etag');
  await registry.update({ ...old, statusReason: 'in between' });
  await assert.rejects(
    serviceApi().devices.createOrUpdateIdentity('etag', { ...old, statusReason: 'late' },
      { ifMatch: `"${old.etag}"` }),
    (error) => error.statusCode === 412);
  // No call of the Registry class on a device sends an ETag; the HTTP client below it does.
  const error = await new Promise((resolve) => {
    registry._restApiClient.executeApiCall('DELETE', '/devices/etag?api-version=2021-04-12',
      { 'If-Match': `"${old.etag}"` }, null, resolve);
  });
  refusal('InvalidEtagError', 412, 'PreconditionFailed')(error);
  assert.equal((await get('etag')).statusReason, 'in between');
});

test('cloudToDeviceMessageCount counts what waits; purge removes it and says how many', async () => {
  await create('purged');
  const service = await Service.open(hub.serviceConnectionString());
  for (let i = 0; i < 3; i++) {
    await service.send('purged', message(`number ${i}`));
  }
  await service.close();
  assert.equal((await get('purged')).cloudToDeviceMessageCount, 3);
  const queue = serviceApi().cloudToDeviceMessages;
  assert.equal((await queue.purgeCloudToDeviceMessageQueue('purged')).totalMessagesPurged, 3);
  assert.equal((await get('purged')).cloudToDeviceMessageCount, 0);
  const again = await queue.purgeCloudToDeviceMessageQueue('purged');
  assert.equal(again.totalMessagesPurged, 0);
  assert.equal(again.deviceId, 'purged');
});

test('a wrong key is UnauthorizedError', async () => {
  const stranger = Registry.fromConnectionString(
    hub.serviceConnectionString('iothubowner', keyOf('no policy')));
  await assert.rejects(stranger.list(), (error) => error.name === 'UnauthorizedError'
    && error.response.statusCode === 401);
});

test('registryRead reads, and is UnauthorizedError when it writes', async () => {
  const reader = Registry.fromConnectionString(hub.serviceConnectionString('registryRead'));
  await reader.list();
  await assert.rejects(reader.create({ deviceId: 'not-by-me' }),
    (error) => error.name === 'UnauthorizedError');
  await assert.rejects(registry.get('not-by-me'), refusal('DeviceNotFoundError', 404, 'DeviceNotFound'));
});

test('a token in place of a key opens the registry', async () => {
  const byToken = Registry.fromSharedAccessSignature(hub.serviceToken(600, 'registryReadWrite'));
  await byToken.create({ deviceId: 'by-token' });
  assert.equal((await get('by-token')).deviceId, 'by-token');
});
