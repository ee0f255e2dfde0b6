'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const test = require('node:test');

const { Hub } = require('./harness');
const { Device, Feedback, Service, message } = require('./clients');

let hub;
let service;
let feedback;
let count = 0;

test.before(async () => {
  const devices = Array.from({ length: 30 }, (_, i) => `d${i}`);
  hub = await Hub.start({ address: '127.0.20.6', devices });
  await hub.freeze();
  service = await Service.open(hub.serviceConnectionString('service'));
  feedback = await Feedback.of(service, hub);
});

test.after(async () => {
  await service.close();
  await hub.stop();
});

/* A device that no other test has used, connected; closed when the test ends. */
async function fresh(t, id = `d${count++}`) {
  const device = await Device.open(hub.deviceConnectionString(id));
  device.id = id;
  t.after(() => device.close());
  return device;
}

const text = (received) => received.getData().toString();

test('complete, reject and abandon end or return the message', async (t) => {
  const device = await fresh(t);
  for (const messageId of ['one', 'two', 'three']) {
    await service.send(device.id, message(messageId, { messageId, ack: 'full' }));
  }
  const [one, two, three] = [await device.next(), await device.next(), await device.next()];
  assert.deepEqual([one, two, three].map(text), ['one', 'two', 'three']);
  await device.abandon(one);
  const again = await device.next();
  assert.equal(text(again), 'one');
  await device.complete(again);
  await device.reject(two);
  await device.complete(three);
  assert.equal((await feedback.record('one')).statusCode, 'Success');
  assert.equal((await feedback.record('two')).statusCode, 'Rejected');
  assert.equal((await feedback.record('three')).statusCode, 'Success');
});

test('the tenth abandon is the last', async (t) => {
  const device = await fresh(t);
  await service.send(device.id, message('x', { messageId: 'abandoned', ack: 'full' }));
  for (let i = 0; i < 10; i++) {
    await device.abandon(await device.next());
  }
  assert.equal((await feedback.record('abandoned')).statusCode, 'DeliveryCountExceeded');
  assert.equal(device.messages.length, 0);
});

test('a lock that lapses brings the message again, and the late complete changes nothing', async (t) => {
  const device = await fresh(t);
  await service.send(device.id, message('x', { messageId: 'lapsed', ack: 'full' }));
  const late = await device.next();
  await hub.advance('PT59S');
  assert.equal(device.messages.length, 0);
  await hub.advance('PT2S');
  const again = await device.next();
  assert.equal(again.messageId, 'lapsed');
  await device.complete(late);
  await hub.flushFeedback();
  await service.send(device.id, message('a round trip later'));
  await device.complete(await device.next());
  assert.ok(!feedback.records.some((record) => record.originalMessageId === 'lapsed'));
  await device.complete(again);
  assert.equal((await feedback.record('lapsed')).statusCode, 'Success');
});

test('a message that expires in the hands of the device is Expired, not Success', async (t) => {
  const device = await fresh(t);
  const expiryTimeUtc = (await hub.now()).getTime() + 30000;
  await service.send(device.id, message('x', { messageId: 'held', ack: 'full', expiryTimeUtc }));
  const received = await device.next();
  assert.equal(Number(received.expiryTimeUtc), expiryTimeUtc);
  await hub.advance('PT31S');
  await device.complete(received);
  assert.equal((await feedback.record('held')).statusCode, 'Expired');
});

test('messages wait for a device that is not there, in their order', async (t) => {
  const id = `d${count++}`;
  for (const body of ['first', 'second', 'third']) {
    await service.send(id, message(body));
  }
  const device = await fresh(t, id);
  for (const body of ['first', 'second', 'third']) {
    const received = await device.next();
    assert.equal(text(received), body);
    await device.complete(received);
  }
});

test('what was not settled comes again on the next connection when its lock ends', async (t) => {
  const id = `d${count++}`;
  await service.send(id, message('first'));
  const before = await Device.open(hub.deviceConnectionString(id));
  await before.next();
  await before.close();
  const device = await fresh(t, id);
  await service.send(id, message('second'));
  assert.equal(text(await device.next()), 'second');
  await hub.advance('PT61S');
  assert.equal(text(await device.next()), 'first');
});

test('a second connection of a device ends the receiver of the first', async (t) => {
  const first = await fresh(t);
  const second = await fresh(t, first.id);
  // The Node SDK reports the detached link and closes its connection.
  await Promise.race([first.errors.take(), first.disconnects.take()]);
  await service.send(first.id, message('for the second'));
  assert.equal(text(await second.next()), 'for the second');
});

test('bodies are bytes: empty, binary and Unicode', async (t) => {
  const device = await fresh(t);
  const bodies = [Buffer.alloc(0), Buffer.from([0, 1, 127, 128, 255]), Buffer.from('Grüße, 世界 🌍'),
    crypto.randomBytes(60000)];
  for (const body of bodies) {
    await service.send(device.id, message(body));
    const received = await device.next();
    assert.deepEqual(Buffer.from(received.getBytes()), body);
    await device.complete(received);
  }
});

test('properties keep their names, values and order', async (t) => {
  const device = await fresh(t);
  const properties = { zebra: '1', apple: 'two words', 'with-dash': '', Größe: '12 µm 世界', 'a/b?c=d&e': '%20+' };
  await service.send(device.id, message('x', { ack: 'none' }, properties));
  const received = await device.next();
  const seen = received.properties.propertyList.map(({ key, value }) => [key, value]);
  assert.deepEqual(seen.filter(([key]) => key !== 'iothub-ack'), Object.entries(properties));
  assert.equal(received.ack ?? Object.fromEntries(seen)['iothub-ack'], 'none');
});

test('message id, correlation id, content type and encoding arrive as sent', async (t) => {
  const device = await fresh(t);
  const fields = {
    messageId: 'id-1', correlationId: 'correlation-1',
    contentType: 'application/json', contentEncoding: 'utf-8',
  };
  await service.send(device.id, message('{}', fields));
  const received = await device.next();
  for (const [name, value] of Object.entries(fields)) {
    assert.equal(received[name], value, name);
  }
  assert.equal(received.to, `/devices/${device.id}/messages/devicebound`);
});

test('a UUID as message id, which the SDK sends as a uuid, arrives as the same text', async (t) => {
  const device = await fresh(t);
  const messageId = crypto.randomUUID();
  const correlationId = crypto.randomUUID();
  await service.send(device.id, message('x', { messageId, correlationId, ack: 'full' }));
  const received = await device.next();
  assert.equal(received.messageId, messageId);
  assert.equal(received.correlationId, correlationId);
  await device.complete(received);
  assert.equal((await feedback.record(messageId)).statusCode, 'Success');
});

test('a message without ids arrives without ids', async (t) => {
  const device = await fresh(t);
  await service.send(device.id, message('x'));
  const received = await device.next();
  assert.ok(!received.messageId);
  assert.ok(!received.correlationId);
  assert.equal(received.expiryTimeUtc, undefined);
});

test('telemetry arrives as it was sent, beside messages to the device', async (t) => {
  const device = await fresh(t);
  await device.client.sendEvent(message('21.5', {
    messageId: 't1', correlationId: 'c1', contentType: 'text/plain', contentEncoding: 'utf-8',
  }, { room: 'kitchen', empty: '' }));
  await device.client.sendEvent(message(Buffer.of(0xff, 0)));
  await service.send(device.id, message('x'));
  assert.equal(text(await device.next()), 'x');
  const [first, second] = await hub.telemetry(device.id);
  assert.equal(first.protocol, 'amqp');
  assert.deepEqual(first.body, { base64: Buffer.from('21.5').toString('base64'), text: '21.5' });
  assert.deepEqual(first.properties, { room: 'kitchen', empty: '' });
  assert.deepEqual(first.systemProperties, {
    messageId: 't1', correlationId: 'c1', contentType: 'text/plain', contentEncoding: 'utf-8',
    to: `/devices/${device.id}/messages/events`,
  });
  assert.deepEqual(second.body, { base64: '/wA=' });
  const { items } = await hub.ask('GET', `/control/v1/journal?device=${device.id}&event=telemetry`);
  assert.deepEqual(items.map((item) => item.messageId), ['t1', undefined]);
});

test('a device that asks for its twin and for methods lives on', async (t) => {
  const device = await fresh(t);
  const twin = await device.client.getTwin();
  assert.equal(twin.properties.desired.$version, 1);
  await new Promise((resolve, reject) => {
    twin.properties.reported.update({ level: 1 }, (error) => (error ? reject(error) : resolve()));
  });
  device.client.onDeviceMethod('reboot', () => {});
  await service.send(device.id, message('x'));
  assert.equal(text(await device.next()), 'x');
  assert.equal(device.errors.length, 0);
});

test('twenty messages to ten devices at once arrive at theirs alone', async (t) => {
  const devices = [];
  for (let i = 0; i < 10; i++) {
    devices.push(await fresh(t));
  }
  await Promise.all(devices.flatMap((device) => [1, 2].map(
    (n) => service.send(device.id, message(`${device.id} ${n}`)))));
  for (const device of devices) {
    const seen = [text(await device.next()), text(await device.next())];
    assert.deepEqual(seen.sort(), [`${device.id} 1`, `${device.id} 2`]);
  }
});
