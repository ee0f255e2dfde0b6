/*
 * A device has one queue, whatever it is connected by: what one transport holds, no other gets.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, eventually } = require('../node/harness');
const { Feedback, Service, message } = require('../node/clients');
const { AnyDevice, TRANSPORTS } = require('./devices');

const HOLDERS = ['Amqp', 'AmqpWs', 'Http']; // over MQTT the SDK settles at once
const PAIRS = HOLDERS.flatMap((holder) => Object.keys(TRANSPORTS).map((other) => ({ holder, other })));
const KEY = { authentication: 'key' };

let hub;
let service;
let feedback;

const idOf = ({ holder, other }) => `${holder}-${other}`;

test.before(async () => {
  hub = await Hub.start({
    address: '127.0.50.3', options: ['--mqtts-port', '8883'], devices: [...PAIRS.map(idOf), 'shared'],
  });
  await hub.freeze();
  service = await Service.open(hub.serviceConnectionString('service'));
  feedback = await Feedback.of(service, hub);
});

test.after(async () => {
  await AnyDevice.closeAll();
  await service.close();
  await hub.stop();
});

const connect = (transport, deviceId) => AnyDevice.connect(hub, transport, deviceId, KEY);
const send = (deviceId, messageId) => service.send(deviceId, message('x', { messageId, ack: 'full' }));

/* Over MQTT a device gets what was sent since its first subscription. */
async function subscribeOnce(transport, deviceId) {
  if (transport.startsWith('Mqtt')) {
    await (await connect(transport, deviceId)).close();
  }
}

for (const pair of PAIRS) {
  const { holder, other } = pair;
  test(`what ${holder} has locked, ${other} does not get until the lock ends`, async () => {
    const id = idOf(pair);
    const first = `first-of-${id}`;
    const second = `second-of-${id}`;
    await subscribeOnce(other, id);
    const holding = await connect(holder, id);
    await send(id, first);
    assert.equal((await holding.next()).messageId, first);
    await holding.close();

    const getting = await connect(other, id);
    await send(id, second);
    const received = await getting.next();
    assert.equal(received.messageId, second);
    await getting.complete(received);
    assert.equal((await feedback.record(second)).statusCode, 'Success'); // over MQTT it is under way
    await hub.advance('PT61S');
    const again = await getting.next();
    assert.equal(again.messageId, first);
    await getting.complete(again);
    assert.equal((await feedback.record(first)).statusCode, 'Success');
    assert.equal(getting.messages.length, 0);
    await getting.close();
  });
}

test('of three transports at once, one gets each message', async () => {
  const devices = [];
  for (const transport of ['Amqp', 'MqttWs', 'Http']) {
    devices.push(await connect(transport, 'shared'));
  }
  const sent = Array.from({ length: 12 }, (_, i) => `shared-${i}`);
  await Promise.all(sent.map((messageId) => send('shared', messageId)));
  await eventually(() => devices.reduce((sum, device) => sum + device.messages.length, 0) >= sent.length,
    'all messages');
  const seen = [];
  for (const device of devices) {
    for (const received of device.messages.items) {
      seen.push(received.messageId);
      await device.complete(received);
    }
  }
  assert.deepEqual(seen.sort(), [...sent].sort());
  for (const messageId of sent) {
    assert.equal((await feedback.record(messageId)).statusCode, 'Success');
  }
  await Promise.all(devices.map((device) => device.close()));
});
