/*
 * The times of the hub, which are minutes, hours and days: with its clock moved, real SDKs see each of
 * them end at its second and not before.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, eventually } = require('./harness');
const { Device, Feedback, Service, message } = require('./clients');

let hub;
let service;
let device;
let spent = 0; // ms in the tests, without starting and connecting

test.before(async () => {
  hub = await Hub.start({ address: '127.0.130.3', devices: ['d1', 'd2'], options: ['--feedback-ttl', 'P2D'] });
  await hub.freeze();
  service = await Service.open(hub.serviceConnectionString('service'));
  device = await Device.open(hub.deviceConnectionString('d1'));
});

test.after(async () => {
  await device.close();
  await service.close();
  await hub.stop();
});

function timed(name, body) {
  test(name, async (t) => {
    const begin = performance.now();
    await body(t);
    spent += performance.now() - begin;
  });
}

const queue = async (id) => (await hub.ask('GET', `/control/v1/devices/${id}`)).queue;
const pending = async () => (await hub.counts()).feedbackPending;

timed('a lock lasts 60 s', async () => {
  await service.send('d1', message('x', { messageId: 'locked' }));
  await device.next();
  await hub.advance('PT59S');
  assert.equal((await queue('d1')).invisible, 1);
  assert.equal(device.messages.length, 0);
  await hub.advance('PT1S');
  const again = await device.next();
  assert.equal(again.messageId, 'locked');
  await device.complete(again);
});

timed('feedback is gathered for 15 s', async () => {
  const feedback = await Feedback.of(service, hub);
  await service.send('d1', message('x', { messageId: 'batched', ack: 'full' }));
  await device.complete(await device.next());
  await eventually(async () => await pending() === 1, 'the record');
  await hub.advance('PT14S');
  assert.deepEqual([await pending(), feedback.batches.length], [1, 0]);
  await hub.advance('PT1S');
  await eventually(() => feedback.batches.length === 1, 'the batch');
  assert.equal(feedback.records[0].originalMessageId, 'batched');
  await new Promise((resolve) => feedback.receiver.complete(feedback.batches[0], resolve));
  await new Promise((resolve) => feedback.receiver.detach(resolve));
});

timed('a message lives for an hour', async () => {
  await service.send('d2', message('x', { messageId: 'expiring', ack: 'none' }));
  await hub.advance('PT59M59S');
  assert.equal((await queue('d2')).enqueued, 1);
  await hub.advance('PT1S');
  assert.equal((await queue('d2')).enqueued, 0);
});

/* Gives what a service finds that begins to listen `after` one batch was made. */
async function foundAfter(messageId, after) {
  await service.send('d1', message('x', { messageId, ack: 'full' }));
  await device.complete(await device.next());
  await eventually(async () => await pending() === 1, 'the record');
  await hub.flushFeedback();
  await hub.advance(after);
  await service.send('d1', message('x', { messageId: `after-${messageId}`, ack: 'full' }));
  await device.complete(await device.next());
  const other = await Service.open(hub.serviceConnectionString('service'));
  const feedback = await Feedback.of(other, hub);
  await feedback.record(`after-${messageId}`);
  for (const batch of feedback.batches) {
    await new Promise((resolve) => feedback.receiver.complete(batch, resolve));
  }
  await other.close();
  return feedback.records.map((record) => record.originalMessageId);
}

timed('feedback waits for a service for two days', async () => {
  assert.deepEqual(await foundAfter('kept', 'P1DT23H59M59S'), ['kept', 'after-kept']);
  assert.deepEqual(await foundAfter('gone', 'P2D'), ['after-gone']);
});

test('more than two days were watched', async (t) => {
  const { offset } = await hub.ask('GET', '/control/v1/clock');
  t.diagnostic(`| the hub's clock went ${offset}; the tests took ${Math.round(spent)} ms |`);
  assert.match(offset, /^P(T9[6-9]H|[34]D)/);
});
