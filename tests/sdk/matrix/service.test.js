/*
 * What a service is told and not told, over each of its transports.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, keyOf } = require('../node/harness');
const {
  Device, Feedback, NoRetry, Service, ServiceAmqp, ServiceAmqpWs, ServiceClient, message,
} = require('../node/clients');

const TRANSPORTS = { Amqp: ServiceAmqp, AmqpWs: ServiceAmqpWs };
const DEPTH = 50;
const MESSAGE_MAX = 65536;

/* Refused as it opens, the SDK tells why in amqpError alone. */
function isUnauthorized(error) {
  assert.equal((error.name === 'Error' ? error.amqpError : error).name, 'UnauthorizedError');
  return true;
}

let hub;

test.before(async () => {
  const devices = Object.keys(TRANSPORTS).flatMap((transport) => [`${transport}-full`, `${transport}-told`]);
  hub = await Hub.start({ address: '127.0.50.7', devices });
});

test.after(() => hub.stop());

for (const [transport, Transport] of Object.entries(TRANSPORTS)) {
  const open = (connectionString) => Service.of(ServiceClient.fromConnectionString(connectionString, Transport));

  test(`over ${transport}, each refusal is an error of its own, and the connection lives on`, async (t) => {
    const service = await open(hub.serviceConnectionString('service'));
    t.after(() => service.close());
    const full = `${transport}-full`;
    await assert.rejects(service.send('nobody', message('x')), { name: 'DeviceNotFoundError' });
    await assert.rejects(service.send(full, message(Buffer.alloc(MESSAGE_MAX + 1))), { name: 'MessageTooLargeError' });
    for (let i = 0; i < DEPTH; i++) {
      await service.send(full, message(`number ${i}`));
    }
    await assert.rejects(service.send(full, message('one more')), { name: 'DeviceMaximumQueueDepthExceededError' });
    await service.send(`${transport}-told`, message('x'));
    await hub.ask('DELETE', `/control/v1/devices/${transport}-told/messages`);
  });

  test(`over ${transport}, a service is let in by its key alone`, async () => {
    for (const connectionString of [hub.serviceConnectionString('service', keyOf('none')),
      hub.serviceConnectionString('device')]) {
      const client = ServiceClient.fromConnectionString(connectionString, Transport);
      client.setRetryPolicy(new NoRetry());
      client.on('error', () => {});
      await assert.rejects(client.open().then(() => client.send(`${transport}-told`, message('x'))),
        isUnauthorized);
      await client.close().catch(() => {});
    }
  });

  test(`over ${transport}, feedback tells of every outcome that was asked for`, async (t) => {
    const service = await open(hub.serviceConnectionString('service'));
    t.after(() => service.close());
    const feedback = await Feedback.of(service, hub);
    const device = await Device.open(hub.deviceConnectionString(`${transport}-told`));
    t.after(() => device.close());
    const outcomes = { unasked: 'complete', positive: 'complete', negative: 'reject', full: 'complete' };
    for (const ack of Object.keys(outcomes)) {
      await service.send(`${transport}-told`, message(ack, {
        messageId: `${transport}-${ack}`, ack: ack === 'unasked' ? 'none' : ack,
      }));
      await device[outcomes[ack]](await device.next());
    }
    for (const [ack, status] of [['positive', 'Success'], ['negative', 'Rejected'], ['full', 'Success']]) {
      assert.equal((await feedback.record(`${transport}-${ack}`)).statusCode, status);
    }
    assert.equal(feedback.records.length, 3);
  });
}
