/*
 * How a device's connection ends from the hub's side, as the SDK shows it over each transport.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, eventually, keyOf } = require('../node/harness');
const { Service, message } = require('../node/clients');
const { Certificates } = require('./certificates');
const {
  AnyDevice, TRANSPORTS, assertRefused, protocolsOf, refusal, register, registryOf,
} = require('./devices');

const AT_ONCE = 6;
const FAMILIES = [['Amqp', 'AmqpWs'], ['Mqtt', 'MqttWs']];
const KEY = { authentication: 'key' };

const certificates = new Certificates();
let hub;
let service;
let registry;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.50.4', options: ['--mqtts-port', '8883'] });
  service = await Service.open(hub.serviceConnectionString('service'));
  registry = registryOf(hub);
});

test.after(async () => {
  await AnyDevice.closeAll();
  await service.close();
  await hub.stop();
  certificates.remove();
});

/* A new device, connected. */
async function connected(transport, deviceId, credential = KEY) {
  await register(hub, deviceId, credential, registry);
  const device = await AnyDevice.connect(hub, transport, deviceId, credential);
  assert.ok(!device.hasEnded());
  return device;
}

async function delivers(device) {
  await service.send(device.deviceId, message('for whom it may concern'));
  await device.complete(await device.next());
}

/* AMQP says why, MQTT cannot, and over HTTPS it is the next request that learns of it. */
function assertEnd(transport, error, { name, condition, status }) {
  if (transport === 'Http') {
    assert.equal(error.response?.statusCode, status, String(error));
  } else if (transport.startsWith('Mqtt')) {
    assert.equal(error.name, 'NotConnectedError', String(error));
  } else {
    assert.equal(error.name, name, String(error));
    assert.equal(error.amqpError.condition, condition);
  }
}

const displacements = FAMILIES.flatMap((family) => family.flatMap(
  (older) => family.map((newer) => ({ older, newer }))));

test('a newer connection ends the older one of the same device', { concurrency: AT_ONCE }, (t) => Promise.all(
  displacements.map(({ older, newer }) => t.test(`${newer} that of ${older}`, async () => {
    const deviceId = `${older}-before-${newer}`;
    const first = await connected(older, deviceId);
    const second = await AnyDevice.connect(hub, newer, deviceId, KEY);
    const error = await first.end();
    assertEnd(older, error, { name: 'InternalServerError', condition: 'amqp:internal-error' });
    if (error.amqpError) {
      assert.match(error.amqpError.description, /409002/);
    }
    await delivers(second);
    assert.ok(!second.hasEnded());
    assert.equal(first.messages.length, 0);
    await first.close();
    await second.close();
  }))));

test('a newer connection that is refused ends nothing', { concurrency: AT_ONCE }, (t) => Promise.all(
  Object.keys(TRANSPORTS).map((transport) => t.test(transport, async () => {
    const deviceId = `${transport}-undisturbed`;
    const device = await connected(transport, deviceId);
    const stranger = { authentication: 'key', sharedKey: keyOf('a stranger') };
    assertRefused(transport, await refusal(hub, transport, deviceId, stranger));
    await delivers(device);
    assert.ok(!device.hasEnded());
    await device.close();
  }))));

test('AMQP, MQTT and HTTPS of one device live side by side', async () => {
  const deviceId = 'side-by-side';
  const devices = [await connected('AmqpWs', deviceId)];
  for (const transport of ['Mqtt', 'Http']) {
    devices.push(await AnyDevice.connect(hub, transport, deviceId, KEY));
  }
  for (const device of devices) {
    await device.client.sendEvent(message('telemetry'));
    assert.ok(!device.hasEnded());
  }
  assert.deepEqual(new Set(await protocolsOf(hub, deviceId)), new Set(['amqpWs', 'mqtt', 'https']));
  await Promise.all(devices.map((device) => device.close()));
});

async function setStatus(deviceId, status) {
  const identity = (await registry.get(deviceId)).responseBody;
  await registry.update({ ...identity, status });
}

/* Asserts what a device is told that comes when it is disabled or deleted. With a certificate, AMQP
 * has no credentials to refuse before the link. */
function assertLost(transport, { authentication }, way, error) {
  if (transport === 'Http') {
    assert.equal(error.response?.statusCode, 404, String(error));
  } else if (transport.startsWith('Mqtt')) {
    assert.equal(error.name, way === 'disabled' ? 'ServiceUnavailableError' : 'UnauthorizedError');
  } else {
    assert.equal(error.name, authentication === 'key' ? 'UnauthorizedError' : 'DeviceNotFoundError');
  }
}

const ways = {
  disabled: (deviceId) => setStatus(deviceId, 'disabled'),
  deleted: (deviceId) => registry.delete(deviceId),
};

const losses = Object.keys(TRANSPORTS).flatMap((transport) => ['key', 'thumbprint'].flatMap(
  (authentication) => Object.keys(ways).map((way) => ({ transport, authentication, way }))));

test('a device that is lost is cut, and stays out', { concurrency: AT_ONCE }, (t) => Promise.all(
  losses.map(({ transport, authentication, way }) => t.test(
    `${way}, over ${transport} with a ${authentication}`, async () => {
      const deviceId = `${transport}-${authentication}-${way}`;
      const credential = { authentication };
      if (authentication === 'thumbprint') {
        Object.assign(credential, certificates.selfSigned('any'));
      }
      const device = await connected(transport, deviceId, credential);
      await delivers(device);
      await ways[way](deviceId);
      assertEnd(transport, await device.end(), {
        name: 'DeviceNotFoundError', condition: 'amqp:not-found', status: 404,
      });
      await device.close();
      await eventually(async () => (await protocolsOf(hub, deviceId)).length === 0, 'the end of the connection');
      assertLost(transport, credential, way, await refusal(hub, transport, deviceId, credential));
      if (way === 'disabled') {
        await setStatus(deviceId, 'enabled');
        const again = await AnyDevice.connect(hub, transport, deviceId, credential);
        await delivers(again);
        await again.close();
      }
    }))));
