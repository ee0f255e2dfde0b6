'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const tls = require('node:tls');
const { ExponentialBackOffWithJitter } = require('azure-iot-common');

const { Hub, deadline, eventually, keyOf } = require('./harness');
const { Amqp, Device, DeviceClient, Feedback, NoRetry, Registry, Service, ServiceClient, message } = require('./clients');

let hub;
let service;

test.before(async () => {
  hub = await Hub.start({
    address: '127.0.20.7',
    devices: ['d1', 'd2', 'disabled', 'deleted', 'returning', 'tokened', 'dev+100%@home', 'Case', 'case'],
  });
  service = await Service.open(hub.serviceConnectionString('service'));
});

test.after(async () => {
  await service.close();
  await hub.stop();
});

async function refusedDevice(connectionString) {
  const client = DeviceClient.fromConnectionString(connectionString, Amqp);
  client.setRetryPolicy(new NoRetry());
  client.on('error', () => {});
  const error = await deadline(client.open(), 'the refusal').then(() => null, (refusal) => refusal);
  await client.close().catch(() => {});
  return error;
}

/* The name of why a service client was refused; some errors of the SDK tell it in amqpError alone. */
const cause = (error) => (error?.name === 'Error' ? error.amqpError?.name : error?.name);

async function refusedService(client) {
  client.setRetryPolicy(new NoRetry());
  client.on('error', () => {});
  const error = await deadline(client.open().then(() => client.send('d1', message('x'))), 'the refusal')
    .then(() => null, (refusal) => refusal);
  await client.close().catch(() => {});
  return error;
}

test('a device with a wrong key is UnauthorizedError', async () => {
  const error = await refusedDevice(hub.deviceConnectionString('d1', keyOf('something else')));
  assert.equal(error?.name, 'UnauthorizedError');
});

test('a device with the key of another is UnauthorizedError', async () => {
  const error = await refusedDevice(hub.deviceConnectionString('d1', keyOf('d2')));
  assert.equal(error?.name, 'UnauthorizedError');
});

test('the log says that a client does not trust the certificate, once however often it tries', async () => {
  const lines = () => hub.log.filter((line) => line.includes('TLS-NOT-TRUSTED'));
  for (let i = 0; i < 3; i += 1) {
    const client = DeviceClient.fromConnectionString(hub.deviceConnectionString('d1'), Amqp);
    client.setRetryPolicy(new NoRetry());
    await client.setOptions({ ca: tls.rootCertificates[0] });
    await assert.rejects(deadline(client.open(), 'the refusal'));
    await client.close().catch(() => {});
  }
  await eventually(async () => {
    const text = await (await fetch(`${hub.control}/metrics`)).text();
    return [...text.matchAll(/^devicebound_tls_distrusts_total\{.*\} (\d+)$/gm)]
      .reduce((sum, [, value]) => sum + Number(value), 0) >= 3;
  }, 'the count of three');
  assert.equal(lines().length, 1);
  assert.match(lines()[0], / warn .*ca\.pem.* address=127\.0\.0\.1:\d+ /);
});

test('an unknown device is refused', async () => {
  const error = await refusedDevice(hub.deviceConnectionString('nobody'));
  assert.ok(error instanceof Error);
});

test('a service with a wrong key, or an unknown policy, is UnauthorizedError', async () => {
  for (const connectionString of [hub.serviceConnectionString('service', keyOf('none')),
    hub.serviceConnectionString('nopolicy')]) {
    const error = await refusedService(ServiceClient.fromConnectionString(connectionString));
    assert.equal(cause(error), 'UnauthorizedError');
  }
});

test('a policy without ServiceConnect sends nothing', async () => {
  for (const policy of ['device', 'registryRead', 'registryReadWrite']) {
    const error = await refusedService(ServiceClient.fromConnectionString(hub.serviceConnectionString(policy)));
    assert.equal(cause(error), 'UnauthorizedError', policy);
  }
});

test('tokens in place of keys open a service and a device', async () => {
  const byToken = await Service.of(ServiceClient.fromSharedAccessSignature(hub.serviceToken()));
  await byToken.send('tokened', message('by token'));
  await byToken.close();
  for (const client of [
    DeviceClient.fromSharedAccessSignature(hub.deviceToken('tokened'), Amqp),
    DeviceClient.fromConnectionString(`HostName=${hub.address};DeviceId=tokened;`
      + `SharedAccessSignature=${hub.deviceToken('tokened')}`, Amqp),
  ]) {
    const device = await Device.of(client);
    await device.abandon(await device.next());
    await device.next();
    await device.close();
    await hub.advance('PT61S');
  }
});

test('an expired token is UnauthorizedError', async () => {
  const error = await refusedService(ServiceClient.fromSharedAccessSignature(hub.serviceToken(-301)));
  assert.equal(cause(error), 'UnauthorizedError');
});

test('a token can be renewed on the open connection', async () => {
  const device = await Device.of(DeviceClient.fromSharedAccessSignature(hub.deviceToken('d2'), Amqp));
  for (let i = 0; i < 3; i++) {
    await deadline(new Promise((resolve, reject) => {
      device.client.updateSharedAccessSignature(hub.deviceToken('d2', 3600 + i),
        (error) => (error ? reject(error) : resolve()));
    }), 'the renewal');
  }
  await service.send('d2', message('still here'));
  await device.complete(await device.next());
  assert.equal(device.errors.length, 0);
  await device.close();
});

test('a connected device that is disabled is cut, cannot come back, and can when enabled', async () => {
  const registry = Registry.fromConnectionString(hub.serviceConnectionString());
  const identity = (await registry.get('disabled')).responseBody;
  const device = await Device.open(hub.deviceConnectionString('disabled'));
  await service.send('disabled', message('kept'));
  await device.next();
  await registry.update({ ...identity, status: 'disabled' });
  await Promise.race([device.disconnects.take(), device.errors.take()]);
  await device.close().catch(() => {});
  const error = await refusedDevice(hub.deviceConnectionString('disabled'));
  assert.equal(error?.name, 'UnauthorizedError');
  await registry.update({ ...identity, status: 'enabled' });
  const again = await Device.open(hub.deviceConnectionString('disabled'));
  await hub.advance('PT61S');
  assert.equal((await again.next()).getData().toString(), 'kept');
  await again.close();
});

test('a connected device that is deleted is cut', async () => {
  const registry = Registry.fromConnectionString(hub.serviceConnectionString());
  const device = await Device.open(hub.deviceConnectionString('deleted'));
  await registry.delete('deleted');
  await Promise.race([device.disconnects.take(), device.errors.take()]);
  await device.close().catch(() => {});
});

test('the SDK connects again by itself when the hub has restarted', async () => {
  const other = await Hub.start({ address: '127.0.20.17', devices: ['d1'] });
  const client = DeviceClient.fromConnectionString(other.deviceConnectionString('d1'), Amqp);
  const device = await Device.of(client, new ExponentialBackOffWithJitter(true));
  await other.restart();
  await eventually(async () => (await other.counts()).connections > 0, 'the device to come back', 30000);
  const sender = await Service.open(other.serviceConnectionString('service'));
  await sender.send('d1', message('hello again'));
  assert.equal((await device.messages.take(30000)).getData().toString(), 'hello again');
  await sender.close();
  await device.close();
  await other.stop();
});

test('a device id with % and + and its messages', async () => {
  const id = 'dev+100%@home';
  const feedback = await Feedback.of(service, hub);
  await service.send(id, message('x', { messageId: 'odd-id', ack: 'full' }));
  const device = await Device.open(hub.deviceConnectionString(id));
  await device.complete(await device.next());
  assert.equal((await feedback.record('odd-id')).deviceId, id);
  await device.close();
});

test('ids that differ in case alone are two devices', async () => {
  await service.send('Case', message('upper'));
  await service.send('case', message('lower'));
  for (const [id, body] of [['case', 'lower'], ['Case', 'upper']]) {
    const device = await Device.open(hub.deviceConnectionString(id));
    assert.equal((await device.next()).getData().toString(), body);
    await device.close();
  }
});
