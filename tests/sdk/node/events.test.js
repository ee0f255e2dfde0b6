/*
 * The event stream when the hub is faster than who reads it: memory stays bounded, the reader is told
 * what it missed, and what it is given is in order.
 */
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const test = require('node:test');

const { Hub, deadline } = require('./harness');

const BATCH = 2000; // entries made by one request
const FILLING = 50; // requests that fill the journal: 100,000 entries
const LAGGING = 100; // more than the journal and the sockets hold
const GROWTH_MAX_KB = 64 * 1024;

let hub;

test.before(async () => {
  // A build with AddressSanitizer keeps what was freed: here it would be taken for growth.
  process.env.ASAN_OPTIONS = [process.env.ASAN_OPTIONS, 'quarantine_size_mb=1'].filter(Boolean).join(':');
  hub = await Hub.start({ address: '127.0.130.4', devices: ['d1'], freePorts: true });
});

test.after(async () => {
  await hub.stop();
});

function residentKb() {
  const status = fs.readFileSync(`/proc/${hub.process.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]);
}

/* As many messages of a device, each an entry of the journal. */
function sendBatch() {
  const body = JSON.stringify(Array.from({ length: BATCH }, () => ({ body: 'eA==' })));
  return deadline(new Promise((resolve, reject) => {
    https.request({
      method: 'POST', host: hub.address, port: hub.ports.https,
      ca: fs.readFileSync(path.join(hub.directory, 'ca.pem')),
      path: '/devices/d1/messages/events?api-version=2021-04-12',
      headers: {
        authorization: hub.deviceToken('d1'), 'content-type': 'application/vnd.microsoft.iothub.json',
      },
    }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    }).on('error', reject).end(body);
  }), 'a batch');
}

/* A reader that reads nothing until it is resumed. */
function listen() {
  return new Promise((resolve) => {
    http.get(`${hub.control}/control/v1/events`, { agent: false }, (response) => {
      response.pause();
      resolve(response);
    });
  });
}

const lastId = async () => (await hub.ask('GET', '/control/v1/journal?limit=1')).last;

/* Reads on from the entry of one id to that of another. Gives the sum of entries and of what was missed, all in order. */
function readOn(response, from, to) {
  const seen = { entries: 0, missed: 0, last: from };
  let text = '';
  return deadline(new Promise((resolve) => {
    response.setEncoding('utf8');
    response.on('data', (part) => {
      const events = (text + part).split('\n\n');
      text = events.pop();
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event);
        const value = data && JSON.parse(data[1]);
        if (/^event: missed$/m.test(event)) {
          seen.missed += value.missed;
          seen.last += value.missed;
        } else if (value) {
          assert.equal(value.id, seen.last + 1, 'in order, without a gap untold');
          seen.entries++;
          seen.last = value.id;
        }
      }
      if (seen.last >= to) {
        resolve(seen);
      }
    });
    response.resume();
  }), 'the reader to catch up');
}

test('a reader that lags is told how much it missed, and costs no memory', async (t) => {
  for (let i = 0; i < FILLING; i++) {
    assert.equal(await sendBatch(), 204); // the journal and the telemetry are full: nothing grows by itself
  }
  const before = residentKb();
  const first = await lastId();
  const reader = await listen();
  t.after(() => reader.destroy());
  const begin = performance.now();
  for (let i = 0; i < LAGGING; i++) {
    assert.equal(await sendBatch(), 204);
  }
  const rate = Math.round((BATCH * LAGGING) / (performance.now() - begin) * 1000);
  const growth = residentKb() - before;
  assert.ok(growth < GROWTH_MAX_KB, `${growth} KB`);
  const last = await lastId();
  assert.ok(last - first >= BATCH * LAGGING);
  const seen = await readOn(reader, first, last);
  assert.ok(seen.missed > 0);
  assert.equal(seen.entries + seen.missed, last - first);
  t.diagnostic(`| event stream, ${rate} transitions/s, a reader that stands: ${seen.entries} read, `
    + `${seen.missed} told as missed, memory ${growth} KB more |`);
});
