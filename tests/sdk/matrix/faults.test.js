/*
 * Every action, at every operation, over every protocol: what the SDK tells its user, who has asked it
 * not to try again. tests/sdk/node/faults.test.js has the same table as plain clients see it.
 */
'use strict';

/* Of a connection that was lost the SDKs leave timers behind, of ten seconds and more; in one of 45 that
 * for services breaks (`why` below). They go with their cell of the table. */
const { setTimeout } = globalThis;
const leftBehind = new Set();
globalThis.setTimeout = Object.assign((act, ms, ...rest) => {
  const timer = setTimeout(act, ms, ...rest);
  if (ms >= 10000) {
    leftBehind.add(timer);
  }
  return timer;
}, setTimeout);

const assert = require('node:assert/strict');
const https = require('node:https');
const test = require('node:test');

const { Hub, Mailbag, deadline, eventually } = require('../node/harness');
const { Amqp, DeviceClient, Http, Mqtt, NoRetry, Service, message } = require('../node/clients');
const {
  ACTIONS, DELAY_MS, OF_SERVICES, OPERATIONS, SERVICE_SENDS, head, reason, row,
} = require('../node/fault_table');
const { register } = require('./devices');

const API = '/control/v1';
const PROTOCOLS = { amqp: Amqp, mqtt: Mqtt, https: Http };
const POLL_SECONDS = 0.5; // longer than a delayed answer: the SDK does not wait for one before it asks again
const DONE = 'and it is done';
const LOST = 'NotConnectedError';
const THROTTLED = 'ThrottlingError';
const HUNG_UP = 'Error ECONNRESET';
const ends = (drop, close, error) => ({ delay: 'done, late', drop, close, error });
const works = (drop, close, error) => ({
  delay: `done, late, ${DONE}`, drop, 'drop after': `${drop}, ${DONE}`, close, 'close after': `${close}, ${DONE}`, error,
});
const EXPECTED = {
  amqp: {
    connect: ends(LOST, 'Error', THROTTLED),
    authenticate: ends('ServiceUnavailableError', LOST, 'UnauthorizedError'),
    attach: ends(LOST, LOST, THROTTLED),
    send: { ...works(LOST, LOST, THROTTLED), 'lose-ack': `silence, ${DONE}` },
    [SERVICE_SENDS]: {
      delay: `done, late, ${DONE}`, close: LOST, 'close after': `${LOST}, ${DONE}`, error: THROTTLED,
      'lose-ack': `silence, ${DONE}`,
    },
    deliver: { ...ends('CloudToDeviceDetachedError', LOST, THROTTLED), duplicate: 'done, again' },
    settle: { // it waits for no answer
      ...works('done', 'done', 'done'), delay: `done, ${DONE}`, 'lose-ack': `done, ${DONE}`,
      'expire-lock': 'done, again',
    },
    feedback: { ...ends(LOST, LOST, 'com.microsoft:device-container-throttled'), duplicate: 'done, again' },
  },
  mqtt: {
    connect: ends('UnauthorizedError', 'UnauthorizedError', 'ServiceUnavailableError'),
    authenticate: ends('UnauthorizedError', 'UnauthorizedError', 'ServiceUnavailableError'),
    attach: ends('Error', 'Error', 'silence'), // it does not look at what SUBACK says
    send: { ...works(LOST, LOST, LOST), 'lose-ack': `silence, ${DONE}` },
    [SERVICE_SENDS]: {},
    deliver: { ...ends(HUNG_UP, LOST, LOST), duplicate: 'done, again' },
    settle: { ...works(HUNG_UP, LOST, LOST), 'expire-lock': `done, again, ${DONE}` },
    feedback: {},
  },
  https: {
    connect: ends(HUNG_UP, HUNG_UP, 'Error 429'),
    authenticate: ends(HUNG_UP, HUNG_UP, 'Error 429'),
    attach: {},
    send: { ...works(HUNG_UP, HUNG_UP, 'Error 429'), 'lose-ack': `${HUNG_UP}, ${DONE}` },
    [SERVICE_SENDS]: {},
    deliver: { ...ends(HUNG_UP, HUNG_UP, 'Error 429'), duplicate: 'done, again' },
    settle: {
      ...works(HUNG_UP, HUNG_UP, 'Error 429'), 'lose-ack': `${HUNG_UP}, ${DONE}`, 'expire-lock': 'Error 412, again',
    },
    feedback: {},
  },
};

let hub;
let count = 0;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.50.9', options: ['--mqtts-port', '8883'] });
});

test.after(async () => {
  await hub.stop();
});

/* Beside what is nowhere to be seen: the SDK for services sends, and hears feedback, over AMQP alone; and
 * while it waits for the answer to a send, a lost connection drives it into an endless recursion
 * (getErrorName of azure-iothub 1.16). */
const why = (protocol, operation, name) => reason(protocol, operation, name)
  || (protocol === 'https' && OF_SERVICES.includes(operation) && 'not in the SDK')
  || (operation === SERVICE_SENDS && name.startsWith('drop') && 'the SDK breaks');

const enqueue = (id, ack = 'none') => hub.ask('POST', `${API}/devices/${id}/messages`, { ack });
const happened = async (id, event) => (await hub.ask('GET', `${API}/journal?device=${id}&event=${event}`)).items.length;

/* The class of an error, and what else there is to tell it by. */
const nameOf = (error) => [error.name, error.response?.statusCode ?? error.code ?? error.condition ?? ''].join(' ').trim();

/* ---- who is asked: each act is done, or rejects with what the SDK says ---- */

/* What comes without being asked for, messages and bad news. */
class Inbox {
  constructor() {
    this.messages = new Mailbag('a message');
    this.ends = [];
  }

  /* The next message, or why there is none. */
  async next() {
    await eventually(() => this.messages.length + this.ends.length > 0, 'a message, or why there is none');
    if (this.ends.length > 0) {
      throw this.ends.shift();
    }
    return this.messages.take();
  }
}

class SdkDevice {
  constructor(protocol, id) {
    Object.assign(this, { protocol, id, inbox: new Inbox() });
  }

  async open(operation) {
    await register(hub, this.id, { authentication: 'key' });
    this.client = DeviceClient.fromSharedAccessSignature(hub.deviceToken(this.id), PROTOCOLS[this.protocol]);
    this.client.setRetryPolicy(new NoRetry());
    if (this.protocol === 'https') {
      this.agent = new https.Agent({ keepAlive: true });
      await this.client.setOptions({ http: { agent: this.agent, receivePolicy: { interval: POLL_SECONDS, drain: true } } });
    }
    if (operation !== 'connect' && operation !== 'authenticate') {
      await this.connect();
    }
    if (operation === 'send') {
      await this.send();
    }
    if (operation === 'deliver' || operation === 'settle') {
      await this.receive();
    }
    if (operation === 'settle' && this.protocol !== 'mqtt') {
      await enqueue(this.id);
      this.received = await this.inbox.next();
    }
  }

  /* Messages are enabled behind the event's registration: the first one tells. */
  async receive() {
    const { inbox } = this;
    const put = (error) => inbox.ends.push(error.transportObj ?? error);
    this.client.on('error', put);
    this.client.on('disconnect', put);
    this.client._transport.on('error', put); // of a poll, which is told to the debug log alone
    this.client.on('message', (received) => inbox.messages.put(received));
    const transport = this.client._transport;
    await eventually(() => transport._c2dLink || transport._topics?.message?.subscribed || transport._receiverStarted,
      'messages to be enabled');
  }

  /* Over HTTPS a connection is made to ask something. */
  connect() {
    return this.protocol === 'https' ? this.send() : this.client.open();
  }

  authenticate() {
    return this.connect();
  }

  /* The first link, or subscription, whose answer the SDK passes on. */
  attach() {
    return this.protocol === 'mqtt' ? this.client.getTwin() : this.send();
  }

  send() {
    return this.client.sendEvent(message('x'));
  }

  async deliver() {
    await enqueue(this.id);
    await this.inbox.next();
  }

  /* Over MQTT the SDK does it by itself, and complete() is nothing. */
  async settle(name) {
    if (this.protocol !== 'mqtt') {
      await this.client.complete(this.received);
      return;
    }
    await this.deliver();
    await eventually(async () => this.inbox.ends.length + this.inbox.messages.length > 0
      || (!name.endsWith('after') && happened(this.id, 'completed')), 'what comes of it');
    if (this.inbox.ends.length > 0) {
      await this.inbox.next();
    }
  }

  close() {
    this.client.close().catch(() => {});
    this.agent?.destroy();
  }
}

class SdkService {
  constructor(_, id) {
    Object.assign(this, { id, inbox: new Inbox() });
  }

  async open(operation) {
    await register(hub, this.id, { authentication: 'key' });
    this.service = await Service.open(hub.serviceConnectionString('service'));
    this.service.client.on('disconnect', ({ reason: error }) => this.inbox.ends.push(error));
    if (operation === 'feedback') {
      const answer = await this.service.client.getFeedbackReceiver();
      const receiver = answer.receiver ?? answer.result ?? answer;
      receiver.on('message', (batch) => this.inbox.messages.put(batch));
      receiver.on('error', (error) => this.inbox.ends.push(error));
    }
  }

  [SERVICE_SENDS]() {
    return this.service.client.send(this.id, message('x'));
  }

  async feedback() {
    await enqueue(this.id, 'full');
    const { lockToken } = await hub.ask('POST', `${API}/devices/${this.id}/receive`);
    await hub.ask('POST', `${API}/messages/${lockToken}/complete`);
    await hub.flushFeedback();
    await this.inbox.next();
  }

  /* One that has lost its connection would wait for it to say goodbye. */
  async close(name) {
    if (!/drop|close/.test(name)) {
      await this.service.close();
    }
  }
}

/* ---- what is seen ---- */

/* What leaves the work to be done, by itself or by the next try; else it is not done. */
const WORKS = ['delay', 'drop after', 'close after', 'lose-ack'];
const EVENTS = { send: 'telemetry', [SERVICE_SENDS]: 'enqueued', settle: 'completed' };

const struck = () => eventually(async () => (await hub.ask('GET', `${API}/faults`)).items[0].applied === 1,
  'the rule to strike');

async function observe(asked, protocol, operation, name) {
  const before = EVENTS[operation] ? await happened(asked.id, EVENTS[operation]) : 0;
  const isDone = async () => (EVENTS[operation] ? await happened(asked.id, EVENTS[operation]) > before : false);
  const begin = performance.now();
  const answer = deadline(asked[operation](name), 'what the SDK says').then(() => 'done', nameOf);
  const seen = [];
  if (EXPECTED[protocol][operation][name].startsWith('silence')) {
    // Nothing comes, though what is asked later is answered.
    await struck();
    await asked[operation === 'attach' ? 'send' : operation](name);
    seen.push(await Promise.race([answer, 'silence']));
  } else {
    seen.push(await answer);
  }
  // Over AMQP the SDK does not wait for the answer to a settlement.
  if (name === 'delay' && !(protocol === 'amqp' && operation === 'settle')) {
    seen.push(performance.now() - begin >= DELAY_MS - 10 ? 'late' : 'early');
  }
  if (name === 'duplicate' || name === 'expire-lock') {
    await asked.inbox.next();
    seen.push('again');
  }
  await struck();
  if (EVENTS[operation] && (WORKS.includes(name) || (name === 'expire-lock' && protocol === 'mqtt'))) {
    await eventually(isDone, 'the work');
    seen.push(DONE);
  } else {
    assert.ok(!await isDone(), 'it is not done');
  }
  return seen.join(', ');
}

async function suffer(protocol, operation, name) {
  const id = `d${count++}`;
  const isOfService = OF_SERVICES.includes(operation);
  const asked = isOfService ? new SdkService(protocol, id) : new SdkDevice(protocol, id);
  await asked.open(operation);
  await hub.ask('POST', `${API}/faults`, {
    match: { protocol, operation: operation === SERVICE_SENDS ? 'send' : operation },
    action: ACTIONS[name], times: 1,
  });
  try {
    return await observe(asked, protocol, operation, name);
  } finally {
    await asked.close(name);
    await hub.ask('POST', `${API}/reset`, {});
    leftBehind.forEach(clearTimeout);
    leftBehind.clear();
  }
}

for (const protocol of Object.keys(PROTOCOLS)) {
  test(`what the SDK says of each fault over ${protocol}`, async (t) => {
    t.diagnostic(head(`${protocol}, by the SDK`));
    const seen = {};
    for (const operation of OPERATIONS) {
      seen[operation] = {};
      for (const name of Object.keys(ACTIONS)) {
        if (!why(protocol, operation, name)) {
          seen[operation][name] = await suffer(protocol, operation, name);
        }
      }
      t.diagnostic(row(operation, seen[operation], (name) => why(protocol, operation, name)));
    }
    assert.deepEqual(seen, EXPECTED[protocol]);
  });
}
