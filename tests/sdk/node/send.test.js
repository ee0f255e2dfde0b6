'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub } = require('./harness');
const { Device, Registry, Service, message } = require('./clients');

const DEPTH = 50;
const MESSAGE_LIMIT = 65536;

let hub;
let service;

test.before(async () => {
  hub = await Hub.start({
    address: '127.0.20.4', devices: ['full', 'other', 'sized', 'disabled', 'late', 'again'],
  });
  service = await Service.open(hub.serviceConnectionString('service'));
});

test.after(async () => {
  await service.close();
  await hub.stop();
});

const named = (name, text) => (error) => {
  assert.equal(error.name, name, error.stack);
  if (text) {
    assert.match(error.message + (error.amqpError ? error.amqpError.description : ''), text);
  }
  return true;
};

test('an unknown device is DeviceNotFoundError, and the connection lives on', async () => {
  await assert.rejects(service.send('nobody', message('x')), named('DeviceNotFoundError', /404001/));
  await service.send('other', message('x'));
});

test('a disabled device is DeviceNotFoundError', async () => {
  const registry = Registry.fromConnectionString(hub.serviceConnectionString());
  await registry.update({ deviceId: 'disabled', status: 'disabled' });
  await assert.rejects(service.send('disabled', message('x')), named('DeviceNotFoundError', /404001/));
});

test('one message more than the queue holds is DeviceMaximumQueueDepthExceededError', async () => {
  for (let i = 0; i < DEPTH; i++) {
    await service.send('full', message(`number ${i}`));
  }
  await assert.rejects(service.send('full', message('one more')),
    named('DeviceMaximumQueueDepthExceededError', /403004/));
  await service.send('other', message('another queue'));
  const device = await Device.open(hub.deviceConnectionString('full'));
  for (let i = 0; i < DEPTH; i++) {
    const received = await device.next();
    assert.equal(received.getData().toString(), `number ${i}`);
    await device.complete(received);
  }
  await device.close();
  await service.send('full', message('there is room again'));
});

test('a message of 65536 bytes is sent, one byte more is MessageTooLargeError', async () => {
  await service.send('sized', message(Buffer.alloc(MESSAGE_LIMIT)));
  await assert.rejects(service.send('sized', message(Buffer.alloc(MESSAGE_LIMIT + 1))),
    named('MessageTooLargeError'));
  // Properties count: names and values.
  await service.send('sized', message(Buffer.alloc(MESSAGE_LIMIT - 10), {}, { name: 'value' }));
  await assert.rejects(
    service.send('sized', message(Buffer.alloc(MESSAGE_LIMIT - 8), {}, { name: 'value' })),
    named('MessageTooLargeError'));
});

test('an expiry in the past is InvalidOperationError', async () => {
  const past = Date.now() - 60000; // the SDK encodes a number alone
  await assert.rejects(service.send('late', message('x', { expiryTimeUtc: past })),
    named('InvalidOperationError', /403009/));
});

test('a message id of a character that none may have is refused, and nothing is stored', async () => {
  const before = await hub.counts();
  await assert.rejects(service.send('late', message('x', { messageId: 'with "quotes"' })));
  await assert.rejects(service.send('late', message('x', { messageId: 'a'.repeat(129) })));
  assert.equal((await hub.counts()).enqueued, before.enqueued);
  await service.send('late', message('x', { messageId: "all-:.+%_#*?!(),=@;$'" }));
});

test('the same message id twice is two messages', async () => {
  await service.send('again', message('first', { messageId: 'same' }));
  await service.send('again', message('second', { messageId: 'same' }));
  const device = await Device.open(hub.deviceConnectionString('again'));
  assert.equal((await device.next()).getData().toString(), 'first');
  assert.equal((await device.next()).getData().toString(), 'second');
  await device.close();
});

test('sends in one burst are all answered', async () => {
  await Promise.all(Array.from({ length: 40 }, (_, i) => service.send('other', message(`burst ${i}`))));
});
