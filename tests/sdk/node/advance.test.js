/*
 * The clock moved by ten days over ten thousand messages: all that fell due on the way has happened, in
 * the order in which it fell due.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, deadline } = require('./harness');

const DEVICES = 200;
const DEPTH = 50;
const COUNT = DEVICES * DEPTH;
const STEP_MS = 200; // between one expiry and the next: a batch of feedback is full before its interval is over
const BATCH = 64;
const INTERVAL_MS = 15000;
const API = '/control/v1';

let hub;

test.before(async () => {
  const devices = Array.from({ length: DEVICES }, (_, i) => `d${i}`);
  hub = await Hub.start({ address: '127.0.130.8', devices, freePorts: true });
  await hub.freeze();
});

test.after(async () => {
  await hub.stop();
});

/* The n-th message that is sent is the one that expires at this place. */
const placeOf = (n) => (n * 7919) % COUNT;
const ttlMs = (place) => 60000 + place * STEP_MS;

async function sendAll() {
  let next = 0;
  const worker = async () => {
    for (let n = next++; n < COUNT; n = next++) {
      await hub.ask('POST', `${API}/devices/d${n % DEVICES}/messages`, {
        messageId: String(placeOf(n)), ack: 'negative', ttl: `PT${ttlMs(placeOf(n)) / 1000}S`,
      });
    }
  };
  await deadline(Promise.all(Array.from({ length: 8 }, worker)), 'all to be sent', 120000);
}

/* Every entry of these events, in order. */
async function journal(...events) {
  const found = [];
  for (let after = 0; ;) {
    const { items, next } = await hub.ask('GET', `${API}/journal?after=${after}&limit=1000`);
    found.push(...items.filter(({ event }) => events.includes(event)));
    if (next === null) {
      return found;
    }
    after = next;
  }
}

/* What has to have happened, each at its instant: a batch is sent when it is full, the last one later. */
function due(begin) {
  const entries = [];
  const add = (ms, event, messageId = '') => entries.push(`${new Date(ms).toISOString()} ${event} ${messageId}`);
  for (let place = 0; place < COUNT; place++) {
    const at = begin + ttlMs(place);
    add(at, 'expired', place);
    add(at, 'feedbackRecorded', place);
    if (place % BATCH === BATCH - 1) {
      add(at, 'feedbackSent');
    }
  }
  add(begin + ttlMs(COUNT - (COUNT % BATCH)) + INTERVAL_MS, 'feedbackSent');
  return entries;
}

test('ten days over ten thousand messages: each has expired when it was due, with its feedback', async (t) => {
  const begin = await hub.now();
  await sendAll();
  assert.equal((await hub.counts()).enqueued, COUNT);
  const started = performance.now();
  const { now } = await hub.advance('P10D');
  t.diagnostic(`| advance by ten days over ${COUNT} messages of ${DEVICES} devices: `
    + `${Math.round(performance.now() - started)} ms |`);
  assert.equal(Date.parse(now), Number(begin) + 10 * 86400000);
  const { enqueued, invisible, feedbackPending } = await hub.counts();
  assert.deepEqual([enqueued, invisible, feedbackPending], [0, 0, 0]);
  const seen = (await journal('expired', 'feedbackRecorded', 'feedbackSent'))
    .map(({ time, event, messageId = '' }) => `${time} ${event} ${messageId}`);
  assert.equal(seen.length, 2 * COUNT + Math.ceil(COUNT / BATCH));
  assert.deepEqual(seen, due(Number(begin)));
});
