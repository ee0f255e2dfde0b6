'use strict';

/*
 * Every call of the service SDK, once as it should go and once refused: prints a table of them with the
 * SDK's class of the refusal. A method that the SDK has and the table lacks fails.
 */

const assert = require('node:assert/strict');
const test = require('node:test');
const { DigitalTwinClient, IoTHubTokenCredentials, JobClient, Twin } = require('azure-iothub');
const { Query } = require('azure-iothub/dist/query');

const { Hub, deadline, keyOf } = require('./harness');
const { Message, NoRetry, Registry, ServiceClient } = require('./clients');

const SQL = 'SELECT * FROM devices';
const METHOD = { methodName: 'm', payload: {}, responseTimeoutInSeconds: 5, connectTimeoutInSeconds: 5 };
const CONFIGURATION = { id: 'c', content: {}, targetCondition: '', priority: 1 };
const BLOB = 'https://127.0.110.1/container?sas';

let hub;
let good; // clients that may do everything
let bad; // with a key that is none
let last = 0;

function clients(connectionString) {
  const client = ServiceClient.fromConnectionString(connectionString);
  client.setRetryPolicy(new NoRetry());
  client.on('error', () => {});
  return {
    client, registry: Registry.fromConnectionString(connectionString),
    jobs: JobClient.fromConnectionString(connectionString),
    digital: new DigitalTwinClient(new IoTHubTokenCredentials(connectionString)),
  };
}

test.before(async () => {
  hub = await Hub.start({ address: '127.0.110.1', devices: ['d1', 'd2'] });
  good = clients(hub.serviceConnectionString());
  bad = clients(hub.serviceConnectionString('iothubowner', keyOf('no policy')));
});

test.after(async () => {
  await good.client.close();
  await bad.client.close();
  await hub.stop();
});

/* A device, or module of d1, that no other row knows. */
const fresh = async () => (await good.registry.create({ deviceId: `fresh-${last += 1}` })).responseBody;
const freshModule = async () => (await good.registry.addModule(
  { deviceId: 'd1', moduleId: `fresh-${last += 1}`, managedBy: '' })).responseBody;
const twinWith = (etag) => Object.assign(new Twin('d1', good.registry), { etag });
const nobody = { deviceId: 'nobody', etag: '*' };

/*
 * call → [what it does when all is well, what is refused, the name of the refusal, the SDK's error].
 * Without the first, the hub refuses each such call; without the second, the call asks nothing of the hub.
 */
const CALLS = {
  'Client.open': [() => good.client.open(), () => bad.client.open(),
    'UnauthorizedError', 'Error'],
  'Client.send': [() => good.client.send('d1', new Message('x')),
    () => good.client.send('nobody', new Message('x')),
    'amqp:not-found', 'DeviceNotFoundError'],
  'Client.getFeedbackReceiver': [() => good.client.getFeedbackReceiver(),
    () => bad.client.getFeedbackReceiver(),
    'UnauthorizedError', 'Error'],
  'Client.getFileNotificationReceiver': [() => good.client.getFileNotificationReceiver(),
    () => bad.client.getFileNotificationReceiver(),
    'UnauthorizedError', 'Error'],
  'Client.invokeDeviceMethod': [null, () => good.client.invokeDeviceMethod('d1', METHOD),
    'GenericNotFound', 'Error'],
  'Client.setRetryPolicy': [() => good.client.setRetryPolicy(new NoRetry())],
  'Client.close': [() => clients(hub.serviceConnectionString()).client.close()],

  'Registry.create': [() => good.registry.create({ deviceId: `fresh-${last += 1}` }),
    () => good.registry.create({ deviceId: 'd1' }),
    'DeviceAlreadyExists', 'DeviceAlreadyExistsError'],
  'Registry.update': [async () => good.registry.update({ ...await fresh(), status: 'disabled' }),
    () => good.registry.update(nobody),
    'DeviceNotFound', 'DeviceNotFoundError'],
  'Registry.get': [() => good.registry.get('d1'), () => good.registry.get('nobody'),
    'DeviceNotFound', 'DeviceNotFoundError'],
  'Registry.list': [() => good.registry.list(), () => bad.registry.list(),
    'IotHubUnauthorizedAccess', 'UnauthorizedError'],
  'Registry.delete': [async () => good.registry.delete((await fresh()).deviceId),
    () => good.registry.delete('nobody'),
    'DeviceNotFound', 'DeviceNotFoundError'],
  'Registry.addDevices': [() => good.registry.addDevices([{ deviceId: `fresh-${last += 1}` }]),
    () => good.registry.addDevices([{ deviceId: 'd1' }]),
    'BulkRegistryOperationFailure', 'ArgumentError'],
  'Registry.updateDevices': [async () => good.registry.updateDevices([await fresh()], true),
    () => good.registry.updateDevices([nobody], true),
    'BulkRegistryOperationFailure', 'ArgumentError'],
  'Registry.removeDevices': [async () => good.registry.removeDevices([await fresh()], true),
    () => good.registry.removeDevices([nobody], true),
    'BulkRegistryOperationFailure', 'ArgumentError'],
  'Registry.getTwin': [() => good.registry.getTwin('d1'), () => good.registry.getTwin('nobody'),
    'DeviceNotFound', 'DeviceNotFoundError'],
  'Registry.updateTwin': [() => good.registry.updateTwin('d1', { tags: { a: 1 } }, '*'),
    () => good.registry.updateTwin('d1', { tags: { a: 1 } }, 'b2xk'),
    'PreconditionFailed', 'InvalidEtagError'],
  'Registry.getModuleTwin': [async () => good.registry.getModuleTwin('d1', (await freshModule()).moduleId),
    () => good.registry.getModuleTwin('d1', 'nobody'),
    'DeviceNotFound', 'DeviceNotFoundError'],
  'Registry.updateModuleTwin': [
    async () => good.registry.updateModuleTwin('d1', (await freshModule()).moduleId, { tags: { a: 1 } }, '*'),
    () => good.registry.updateModuleTwin('d1', 'nobody', { tags: { a: 1 } }, '*'),
    'DeviceNotFound', 'DeviceNotFoundError'],
  'Registry.addModule': [
    () => good.registry.addModule({ deviceId: 'd1', moduleId: `fresh-${last += 1}`, managedBy: '' }),
    async () => good.registry.addModule({ ...await freshModule(), managedBy: '' }),
    'ModuleAlreadyExistsOnDevice', 'DeviceAlreadyExistsError'],
  'Registry.getModule': [async () => good.registry.getModule('d1', (await freshModule()).moduleId),
    () => good.registry.getModule('d1', 'nobody'),
    'ModuleNotFound', 'Error'],
  'Registry.getModulesOnDevice': [() => good.registry.getModulesOnDevice('d1'),
    () => good.registry.getModulesOnDevice('nobody'),
    'IotHubUnauthorizedAccess', 'UnauthorizedError'],
  'Registry.updateModule': [
    async () => good.registry.updateModule({ ...await freshModule(), managedBy: 'x' }),
    async () => good.registry.updateModule({ ...await freshModule(), etag: 'b2xk' }),
    'PreconditionFailed', 'InvalidEtagError'],
  'Registry.removeModule': [async () => good.registry.removeModule('d1', (await freshModule()).moduleId),
    () => good.registry.removeModule('d1', 'nobody'),
    'ModuleNotFound', 'Error'],
  'Registry.getRegistryStatistics': [() => good.registry.getRegistryStatistics(),
    () => bad.registry.getRegistryStatistics(),
    'IotHubUnauthorizedAccess', 'UnauthorizedError'],
  'Registry.createQuery': [() => good.registry.createQuery(SQL, 10)],
  'Registry.importDevicesFromBlob': [null, () => good.registry.importDevicesFromBlob(BLOB, BLOB),
    'GenericNotFound', 'Error'],
  'Registry.importDevicesFromBlobByIdentity': [null,
    () => good.registry.importDevicesFromBlobByIdentity(BLOB, BLOB),
    'GenericNotFound', 'Error'],
  'Registry.exportDevicesToBlob': [null, () => good.registry.exportDevicesToBlob(BLOB, true),
    'GenericNotFound', 'Error'],
  'Registry.exportDevicesToBlobByIdentity': [null,
    () => good.registry.exportDevicesToBlobByIdentity(BLOB, true),
    'GenericNotFound', 'Error'],
  'Registry.listJobs': [null, () => good.registry.listJobs(), 'GenericNotFound', 'Error'],
  'Registry.getJob': [null, () => good.registry.getJob('j'), 'GenericNotFound', 'Error'],
  'Registry.cancelJob': [null, () => good.registry.cancelJob('j'), 'GenericNotFound', 'Error'],
  'Registry.addConfiguration': [null, () => good.registry.addConfiguration(CONFIGURATION),
    'GenericNotFound', 'Error'],
  'Registry.getConfiguration': [null, () => good.registry.getConfiguration('c'),
    'GenericNotFound', 'Error'],
  'Registry.getConfigurations': [null, () => good.registry.getConfigurations(),
    'GenericNotFound', 'Error'],
  'Registry.updateConfiguration': [null, () => good.registry.updateConfiguration(CONFIGURATION, true),
    'GenericNotFound', 'Error'],
  'Registry.removeConfiguration': [null, () => good.registry.removeConfiguration('c'),
    'GenericNotFound', 'Error'],
  'Registry.applyConfigurationContentOnDevice': [null,
    () => good.registry.applyConfigurationContentOnDevice('d1', {}),
    'GenericNotFound', 'Error'],

  'Query.next': [() => good.registry.createQuery(SQL).next(),
    () => good.registry.createQuery('SELECT *').next(),
    'ArgumentInvalid', 'ArgumentError'],
  'Query.nextAsTwin': [() => good.registry.createQuery(SQL).nextAsTwin(),
    () => bad.registry.createQuery(SQL).nextAsTwin(),
    'IotHubUnauthorizedAccess', 'UnauthorizedError'],

  'Twin.get': [() => new Twin('d1', good.registry).get(), () => new Twin('nobody', good.registry).get(),
    'DeviceNotFound', 'DeviceNotFoundError'],
  'Twin.update': [() => twinWith('*').update({ tags: {} }), () => twinWith('b2xk').update({ tags: {} }),
    'PreconditionFailed', 'InvalidEtagError'],
  'Twin.toJSON': [() => new Twin('d1', good.registry).toJSON()],

  'JobClient.getJob': [null, () => good.jobs.getJob('j'), 'GenericNotFound', 'Error'],
  'JobClient.createQuery': [null, () => good.jobs.createQuery().next(), 'GenericNotFound', 'Error'],
  'JobClient.cancelJob': [null, () => good.jobs.cancelJob('j'), 'GenericNotFound', 'Error'],
  'JobClient.scheduleDeviceMethod': [null,
    () => good.jobs.scheduleDeviceMethod('j', SQL, METHOD, new Date(), 60),
    'GenericNotFound', 'Error'],
  'JobClient.scheduleTwinUpdate': [null,
    () => good.jobs.scheduleTwinUpdate('j', SQL, { etag: '*' }, new Date(), 60),
    'GenericNotFound', 'Error'],

  'DigitalTwinClient.getDigitalTwin': [null, () => good.digital.getDigitalTwin('d1'),
    'GenericNotFound', 'Error'],
  'DigitalTwinClient.updateDigitalTwin': [null, () => good.digital.updateDigitalTwin('d1', []),
    'GenericNotFound', 'Error'],
  'DigitalTwinClient.invokeCommand': [null, () => good.digital.invokeCommand('d1', 'c', {}),
    'GenericNotFound', 'Error'],
  'DigitalTwinClient.invokeComponentCommand': [null,
    () => good.digital.invokeComponentCommand('d1', 'p', 'c', {}),
    'GenericNotFound', 'Error'],
};

/* IoT Hub's name of a refusal over REST; the condition over AMQP, the status of a token that was refused. */
function codeOf(error) {
  if (error.amqpError) {
    return error.amqpError.condition || error.amqpError.name;
  }
  if (error.responseBody === undefined) { // of the client that is generated from the API
    return error.response.headers.get('iothub-errorcode');
  }
  const told = error.response.headers['iothub-errorcode'];
  const answer = JSON.parse(error.responseBody);
  assert.equal(told, answer.errors
    ? 'BulkRegistryOperationFailure' : /^ErrorCode:(\w+);/.exec(answer.Message)[1]);
  return told;
}

/* What a reader would call a method: of the class itself, and without its constructor. */
const methodsOf = (type) => Object.getOwnPropertyNames(type.prototype)
  .filter((name) => name !== 'constructor' && !name.startsWith('_'))
  .map((name) => `${type.name}.${name}`);

test('the table of calls has a head', (t) => {
  t.diagnostic('| azure-iothub | when all is well | refused with | the SDK says |');
  t.diagnostic('|---|---|---|---|');
});

for (const [call, [well, refused, code, name]] of Object.entries(CALLS)) {
  test(`${call} ${well ? 'works' : 'is refused'}${refused && well ? ', and is refused' : ''}`, async (t) => {
    let done = 'refused by design';
    if (well) {
      const answer = await deadline(Promise.resolve(well()), call);
      const status = answer?.httpResponse?.statusCode;
      assert.ok(status === undefined || [200, 201, 204].includes(status), `${call}: ${status}`);
      done = status || 'done';
    }
    if (refused) {
      await assert.rejects(deadline(Promise.resolve(refused()), call), (error) => {
        assert.deepEqual([codeOf(error), error.name], [code, name]);
        return true;
      });
    }
    t.diagnostic(`| ${call} | ${done} | ${code || '–'} | ${name || '–'} |`);
  });
}

test('every method of the SDK is a row, and every row a method', () => {
  const methods = [ServiceClient, Registry, Query, Twin, JobClient, DigitalTwinClient].flatMap(methodsOf);
  assert.deepEqual(Object.keys(CALLS).sort(), methods.sort());
});
