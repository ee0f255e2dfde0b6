'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, eventually } = require('./harness');
const { Device, Feedback, Registry, Service, message } = require('./clients');

let hub;
let service;

test.beforeEach(async () => {
  hub = await Hub.start({ address: '127.0.20.5', devices: ['d1', 'd2'] });
  await hub.freeze();
  service = await Service.open(hub.serviceConnectionString('service'));
});

test.afterEach(async () => {
  await service.close();
  await hub.stop();
});

/* Sends messages of these ids and has the device settle each by `verb`. */
async function settle(deviceId, verb, ids, ack = 'full') {
  const device = await Device.open(hub.deviceConnectionString(deviceId));
  for (const messageId of ids) {
    await service.send(deviceId, message('x', { messageId, ack }));
    await device[verb](await device.next());
  }
  await device.close();
}

test('a record says which message, which device of which generation, how and when', async () => {
  const registry = Registry.fromConnectionString(hub.serviceConnectionString());
  const { generationId } = (await registry.get('d1')).responseBody;
  await hub.advance('PT10S');
  const now = await hub.now();
  await settle('d1', 'complete', ['m1']);
  const feedback = await Feedback.of(service, hub);
  const record = await feedback.record('m1');
  const { enqueuedTimeUtc } = record;
  assert.deepEqual(record, {
    originalMessageId: 'm1', description: 'Success', deviceGenerationId: generationId, deviceId: 'd1',
    enqueuedTimeUtc, statusCode: 'Success',
  });
  assert.match(enqueuedTimeUtc, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
  assert.equal(Date.parse(enqueuedTimeUtc), now.getTime());
  const [batch] = feedback.batches;
  assert.equal(batch.contentType, 'application/vnd.microsoft.iothub.feedback.json');
});

test('ack decides which outcome is reported', async () => {
  await settle('d1', 'complete', ['none-c'], 'none');
  await settle('d1', 'complete', ['positive-c'], 'positive');
  await settle('d1', 'complete', ['negative-c'], 'negative');
  await settle('d1', 'complete', ['full-c'], 'full');
  await settle('d1', 'reject', ['none-r'], 'none');
  await settle('d1', 'reject', ['positive-r'], 'positive');
  await settle('d1', 'reject', ['negative-r'], 'negative');
  await settle('d1', 'reject', ['full-r'], 'full');
  const feedback = await Feedback.of(service, hub);
  await feedback.record('full-r');
  const seen = feedback.records.map((record) => [record.originalMessageId, record.statusCode]);
  assert.deepEqual(seen.sort(), [['full-c', 'Success'], ['full-r', 'Rejected'],
    ['negative-r', 'Rejected'], ['positive-c', 'Success']]);
});

test('records of one interval come in one batch when it is over, of several devices together', async () => {
  const feedback = await Feedback.of(service, hub);
  await settle('d1', 'complete', ['a', 'b']);
  await settle('d2', 'reject', ['c']);
  await eventually(async () => (await hub.counts()).feedbackPending === 3, 'three records');
  await hub.advance('PT14S');
  assert.equal(feedback.batches.length, 0);
  await hub.advance('PT1S');
  await eventually(() => feedback.batches.length > 0, 'the batch');
  assert.deepEqual(feedback.records.map((record) => record.originalMessageId), ['a', 'b', 'c']);
  assert.equal(feedback.batches.length, 1);
});

test('the 64th record makes a batch at once', async () => {
  const feedback = await Feedback.of(service, hub);
  const ids = Array.from({ length: 65 }, (_, i) => `m${i}`);
  await settle('d1', 'complete', ids);
  await eventually(() => feedback.records.length >= 64, 'the full batch');
  assert.equal(feedback.records.length, 64);
  await hub.advance('PT15S');
  await eventually(() => feedback.records.length === 65, 'the last record');
  assert.equal(feedback.batches.length, 2);
});

test('two receivers: each batch goes to one of them, and both get some', async () => {
  const first = await Feedback.of(service, hub);
  const other = await Service.open(hub.serviceConnectionString('service'));
  const second = await Feedback.of(other, hub);
  const ids = Array.from({ length: 6 }, (_, i) => `m${i}`);
  for (const id of ids) {
    await settle('d1', 'complete', [id]);
    await eventually(async () => (await hub.counts()).feedbackPending > 0, 'the record');
    await hub.flushFeedback();
    await eventually(() => first.records.length + second.records.length > ids.indexOf(id), `batch of ${id}`);
  }
  const seen = [...first.records, ...second.records].map((record) => record.originalMessageId);
  assert.deepEqual(seen.sort(), ids);
  assert.ok(first.records.length > 0 && second.records.length > 0,
    `${first.records.length} and ${second.records.length}`);
  await other.close();
});

test('feedback waits for a receiver, but no longer than its time to live', async () => {
  await settle('d1', 'complete', ['gone']);
  await eventually(async () => (await hub.counts()).feedbackPending === 1, 'the record');
  await hub.flushFeedback();
  await hub.advance('PT60M');
  await settle('d1', 'complete', ['kept']);
  const feedback = await Feedback.of(service, hub);
  await feedback.record('kept');
  assert.deepEqual(feedback.records.map((record) => record.originalMessageId), ['kept']);
});

test('a message that no device took is reported as Expired', async () => {
  const expiryTimeUtc = (await hub.now()).getTime() + 30000;
  await service.send('d1', message('x', { messageId: 'm1', ack: 'negative', expiryTimeUtc }));
  await hub.advance('PT31S');
  const feedback = await Feedback.of(service, hub);
  assert.equal((await feedback.record('m1')).statusCode, 'Expired');
});

test('a deleted device has no feedback, another keeps its own', async () => {
  await settle('d1', 'complete', ['m1']);
  await settle('d2', 'complete', ['m2']);
  await eventually(async () => (await hub.counts()).feedbackPending === 2, 'two records');
  await Registry.fromConnectionString(hub.serviceConnectionString()).delete('d1');
  const feedback = await Feedback.of(service, hub);
  await feedback.record('m2');
  assert.deepEqual(feedback.records.map((record) => record.originalMessageId), ['m2']);
});

test('a file notification receiver attaches, and hears nothing', async () => {
  const answered = await service.client.getFileNotificationReceiver();
  const receiver = answered.result || answered;
  receiver.on('message', () => assert.fail('there are no file notifications'));
  await service.send('d1', message('the connection lives'));
});
