/*
 * Every action, at every operation, over every protocol: what a client sees of it, and why a cell is
 * left out. The table of what makes sense is the product's own; a rule outside it is refused.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, eventually } = require('./harness');
const { PEERS } = require('./fault_peers');
const { ACTIONS, DELAY_MS, FRESH, OF_SERVICES, SERVICE_SENDS, head, reason, row } = require('./fault_table');

const API = '/control/v1';
/* What a client sees, action by action. 'gone': reset, which Node.js tells apart from an end only once it
 * has read from the connection. What is not here makes no sense, and is refused as a rule. */
const THROTTLED = 'device-container-throttled';
const DONE = 'and it is done';
const ends = (drop, close, error) => ({ delay: 'done, late', drop, close, error });
const works = (close, error) => ({
  delay: `done, late, ${DONE}`, drop: 'reset', 'drop after': `reset, ${DONE}`,
  close, 'close after': `${close}, ${DONE}`, error,
});
const EXPECTED = {
  amqp: {
    connect: ends('gone', 'closed forced', `closed ${THROTTLED}`),
    authenticate: ends('gone', 'closed forced', `closed ${THROTTLED}`),
    attach: ends('gone', 'closed forced', `error ${THROTTLED}`),
    send: { ...works('closed forced', `error ${THROTTLED}`), 'lose-ack': `silence, ${DONE}` },
    [SERVICE_SENDS]: { ...works('closed forced', `error ${THROTTLED}`), 'lose-ack': `silence, ${DONE}` },
    deliver: { ...ends('reset', 'closed forced', `error ${THROTTLED}`), duplicate: 'done, again' },
    settle: {
      ...works('closed forced', `error ${THROTTLED}`), 'lose-ack': `silence, ${DONE}`,
      'expire-lock': 'error message-lock-lost, again',
    },
    feedback: { ...ends('reset', 'closed forced', `error ${THROTTLED}`), duplicate: 'done, again' },
  },
  mqtt: { // it has no other negative answers than those to CONNECT and SUBSCRIBE
    connect: ends('gone', 'closed', 'error 3'),
    authenticate: ends('gone', 'closed', 'error 3'),
    attach: ends('gone', 'closed', 'error 128'),
    send: { ...works('closed', 'closed'), 'lose-ack': `silence, ${DONE}` },
    [SERVICE_SENDS]: {},
    deliver: { ...ends('reset', 'closed', 'closed'), duplicate: 'done, again' },
    settle: { ...works('closed', 'closed'), 'expire-lock': 'done, again' },
    feedback: {},
  },
  https: {
    connect: ends('gone', 'closed', 'error 429'),
    authenticate: ends('gone', 'closed', 'error 429'),
    attach: {},
    send: { ...works('closed', 'error 429'), 'lose-ack': `closed, ${DONE}` },
    [SERVICE_SENDS]: { ...works('closed', 'error 429'), 'lose-ack': `closed, ${DONE}` },
    deliver: { ...ends('reset', 'closed', 'error 429'), duplicate: 'done, again' },
    settle: {
      ...works('closed', 'error 429'), 'lose-ack': `closed, ${DONE}`, 'expire-lock': 'error 412, again',
    },
    feedback: { ...ends('reset', 'closed', 'error 429'), duplicate: 'done, again' },
  },
};

let hub;
let count = 0;

test.before(async () => {
  const devices = Array.from({ length: 150 }, (_, i) => `d${i}`);
  hub = await Hub.start({ address: '127.0.130.2', devices, freePorts: true });
});

test.after(async () => {
  await hub.stop();
});

const enqueue = (id, ack = 'none') => hub.ask('POST', `${API}/devices/${id}/messages`, { ack });

/* Has a batch of one record ready for whoever listens. */
async function makeFeedback(id) {
  await enqueue(id, 'full');
  const { lockToken } = await hub.ask('POST', `${API}/devices/${id}/receive`);
  await hub.ask('POST', `${API}/messages/${lockToken}/complete`);
  assert.deepEqual(await hub.flushFeedback(), { records: 1 });
}

/* Leaves nothing to the next who listens. */
async function drainFeedback() {
  const service = new PEERS.https(hub, 'service');
  while (await service.deliver() === 'done') {
    await service.settle();
  }
  service.close();
}

/* How each operation is prepared and done, and the event of a device that tells that its work was done. */
const OPERATIONS = {
  connect: {},
  authenticate: {},
  attach: { steps: ['connect'] },
  send: { steps: ['connect'], event: 'telemetry' },
  deliver: { steps: ['connect', 'attach'], trigger: enqueue },
  settle: { steps: ['connect', 'attach', 'deliver'], event: 'completed' },
  [SERVICE_SENDS]: { match: 'send', steps: ['connect'], act: 'sendToDevice', event: 'enqueued' },
  feedback: { steps: ['connect', 'attachFeedback'], act: 'deliver', trigger: makeFeedback },
};

const journal = async (id, event) => (await hub.ask('GET', `${API}/journal?device=${id}&event=${event}`)).items;

/* What came again, if something does. */
async function second(peer) {
  const { id } = peer.received;
  assert.equal(await peer.deliver(), 'done');
  return peer.received.id === id ? 'again' : 'another';
}

/* Has the operation done with the rule in place. Gives what the client saw. */
async function observe(peer, id, protocol, operation, name) {
  const { act = operation === 'authenticate' ? 'connect' : operation, event, trigger } = OPERATIONS[operation];
  await trigger?.(id);
  const begin = performance.now();
  const answer = peer[act]();
  const seen = [];
  if (name === 'lose-ack' && protocol !== 'https') {
    // Nothing comes, though what was asked later is answered.
    await eventually(async () => (await journal(id, event)).length > 0, 'the work');
    assert.equal(await peer[act === 'sendToDevice' ? act : 'send'](), 'done');
    seen.push(await Promise.race([answer, 'silence']));
  } else {
    seen.push(await answer);
  }
  if (name === 'duplicate' || name === 'expire-lock') {
    seen.push(await second(peer));
  }
  if (name === 'delay') {
    const took = performance.now() - begin;
    assert.ok(took >= DELAY_MS - 10, `after ${took} ms`); // the loop's time is that of its last turn
    seen.push('late');
  }
  if (event && (await journal(id, event)).length > 0) {
    seen.push(DONE);
  }
  return seen.join(', ');
}

/* One cell: the rule strikes once, where it should. */
async function suffer(protocol, operation, name) {
  const { steps = [], match = operation } = OPERATIONS[operation];
  const isOfService = OF_SERVICES.includes(operation);
  const id = `d${count++}`;
  const peer = new PEERS[protocol](hub, isOfService ? 'service' : id, id);
  try {
    for (const step of steps) {
      if (step === 'deliver') {
        await enqueue(id);
      }
      assert.equal(await peer[step](), 'done', step);
    }
    const rule = await hub.ask('POST', `${API}/faults`,
      { match: { protocol, operation: match }, action: ACTIONS[name], times: 1 });
    const seen = await observe(peer, id, protocol, operation, name);
    const { items } = await hub.ask('GET', `${API}/faults`);
    assert.equal(items.find((each) => each.id === rule.id).applied, 1, 'the rule strikes');
    return seen;
  } finally {
    peer.close();
    for (const { id: left } of (await hub.ask('GET', `${API}/faults`)).items) {
      await hub.ask('DELETE', `${API}/faults/${left}`);
    }
    if (isOfService) {
      await drainFeedback();
    }
  }
}

async function isRefused(protocol, operation, name) {
  const { status } = await fetch(`${hub.control}${API}/faults`, {
    method: 'POST', body: JSON.stringify({ match: { protocol, operation }, action: ACTIONS[name] }),
  });
  return status === 400;
}

for (const [protocol, operations] of Object.entries(EXPECTED)) {
  test(`each fault is seen over ${protocol} where it makes sense, and refused elsewhere`, async (t) => {
    t.diagnostic(head(protocol));
    const seen = {};
    for (const [operation, cells] of Object.entries(operations)) {
      seen[operation] = {};
      for (const name of Object.keys(ACTIONS)) {
        assert.equal(!cells[name], Boolean(reason(protocol, operation, name)), `${operation} ${name}`);
        if (cells[name]) {
          const what = await suffer(protocol, operation, name);
          const isGone = FRESH.includes(operation) && name === 'drop' && /^(reset|closed)$/.test(what);
          seen[operation][name] = isGone ? 'gone' : what;
        } else {
          assert.ok(OPERATIONS[operation].match || await isRefused(protocol, operation, name),
            `${operation} ${name} is refused`);
        }
      }
      t.diagnostic(row(operation, seen[operation], (name) => reason(protocol, operation, name)));
    }
    assert.deepEqual(seen, operations);
  });
}
