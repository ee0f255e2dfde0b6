/*
 * Faults that a device orders by telemetry, as the SDKs' own end-to-end suites do: the SDK loses its
 * link or connection, comes back by itself, and messages go on.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, deadline, eventually } = require('../node/harness');
const { NoRetry, Service, message } = require('../node/clients');
const { AnyDevice, register } = require('./devices');

/* The SDK's own policy waits for seconds, and is not to be stopped. */
class Soon {
  constructor() {
    this.isOver = false;
  }

  shouldRetry() {
    return !this.isOver;
  }

  nextRetryTimeout() {
    return 20;
  }
}

/* Those of Azure/azure-iot-sdk-node, e2etests, over each transport that knows them. */
const ENDS = {
  KillTcp: ['Amqp', 'AmqpWs', 'Mqtt', 'MqttWs'],
  ShutDownMqtt: ['Mqtt', 'MqttWs'],
  ShutDownAmqp: ['Amqp', 'AmqpWs'],
  KillAmqpConnection: ['Amqp'],
  KillAmqpSession: ['Amqp'],
  KillAmqpCBSLinkReq: ['Amqp'],
  KillAmqpCBSLinkResp: ['Amqp'],
  KillAmqpD2CLink: ['Amqp'],
  KillAmqpC2DLink: ['Amqp'],
};
const ERRORS = { // over AMQP, and over HTTPS
  InvokeThrottling: ['ThrottlingError', 429],
  InvokeMaxMessageQuota: ['IotHubQuotaExceededError', 403],
  InvokeAuthError: ['UnauthorizedError', 401],
};

let hub;
let service;

test.before(async () => {
  hub = await Hub.start({
    address: '127.0.50.8', options: ['--mqtts-port', '8883', '--faults-from-telemetry'],
  });
  service = await Service.open(hub.serviceConnectionString('service'));
});

test.after(async () => {
  await AnyDevice.closeAll();
  await service.close();
  await hub.stop();
});

async function connect(transport, deviceId, policy) {
  await register(hub, deviceId, { authentication: 'key' });
  return AnyDevice.connect(hub, transport, deviceId, { authentication: 'key' }, policy);
}

/* The message that orders a fault, with its numbers as numbers. */
function orderOf(type, delay, duration) {
  return message('', {}, {
    AzIoTHub_FaultOperationType: type,
    AzIoTHub_FaultOperationCloseReason: ' on purpose ',
    AzIoTHub_FaultOperationDelayInSecs: delay,
    AzIoTHub_FaultOperationDurationInSecs: duration,
  });
}

async function receives(device, body) {
  await service.send(device.deviceId, message(body));
  const received = await device.next();
  assert.equal(received.getData().toString(), body, device.deviceId);
  await device.complete(received);
}

/* As soon as that has happened to the device so many times. */
async function wait(device, event, count = 1) {
  const query = `device=${device.deviceId}&event=${event}&count=${count}&timeout=PT10S`;
  return (await hub.ask('GET', `/control/v1/wait?${query}`)).entries;
}

/* Each type over each of its transports, all at once. */
function overAll(act) {
  const cells = Object.entries(ENDS).flatMap(([type, transports]) => transports.map((each) => [type, each]));
  return Promise.all(cells.map(([type, transport]) => act(type, transport)));
}

test('a device that does not try again is told that it is disconnected', () => overAll(async (type, transport) => {
  const device = await connect(transport, `${type}-${transport}-once`, new NoRetry());
  await receives(device, 'before');
  device.client.sendEvent(orderOf(type, 1, 5)).catch(() => {}); // over MQTT it is never answered
  const [{ reason }] = await wait(device, 'faultInjected');
  assert.equal(reason, type);
  await device.disconnects.take();
  await device.close();
}));

test('a device that tries again is told nothing, and receives as before', () => overAll(async (type, transport) => {
  const policy = new Soon();
  const device = await connect(transport, `${type}-${transport}-again`, policy);
  await receives(device, 'before');
  const sent = device.client.sendEvent(orderOf(type, 1, 5));
  sent.catch(() => {});
  if (transport.startsWith('Amqp')) {
    await deadline(sent, 'the answer to the order');
  }
  await wait(device, 'connected', 2); // of one link, too, it makes a new connection
  await receives(device, 'after');
  if (transport.startsWith('Mqtt')) {
    await wait(device, 'faultInjected', 2); // the SDK has sent the order again, which was not answered
    await wait(device, 'connected', 3);
    await receives(device, 'after all');
    assert.equal(device.disconnects.length, 0);
    policy.isOver = true; // else it sends the order for ever
    await device.disconnects.take();
  }
  assert.equal(device.disconnects.length, 0);
  await device.close();
}));

for (const [type, [name]] of Object.entries(ERRORS)) {
  test(`${type} refuses what the device sends next, and no more once it is over`, async () => {
    const device = await connect('Amqp', type, new NoRetry());
    const send = () => deadline(device.client.sendEvent(message('x')), 'the answer to a message');
    await send();
    await deadline(device.client.sendEvent(orderOf(type, 0, 1)), 'the answer to the order');
    await eventually(async () => (await hub.ask('GET', '/control/v1/faults')).items.length === 1, 'the rule');
    await assert.rejects(send(), { name });
    await receives(device, 'meanwhile');
    await eventually(async () => (await hub.ask('GET', '/control/v1/faults')).items.length === 0, 'its end');
    await send();
    assert.equal(device.disconnects.length + device.errors.length, 0);
    await device.close();
  });
}

test('over HTTPS the order itself is refused', async () => {
  for (const [type, [, status]] of Object.entries(ERRORS)) {
    const device = await connect('Http', `${type}-https`, new NoRetry());
    const sent = deadline(device.client.sendEvent(orderOf(type, 0, 5)), 'the answer to the order');
    await assert.rejects(sent, (error) => error.response?.statusCode === status);
    await receives(device, 'after');
    await device.close();
  }
});
