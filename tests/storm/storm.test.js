/*
 * Fifty devices, each changing its transport at random, through the unmodified SDKs: they complete,
 * reject, abandon, keep messages until the lock ends, leave, are thrown out. Every message ends
 * exactly once, as its devices asked, and feedback says so.
 *
 * DEVICEBOUND_STORM_SECONDS: how long (20); DEVICEBOUND_SEED: a seed to repeat (the plan, not the run).
 * The hub's clock stands, and is moved every now and then: locks end, messages expire, feedback leaves.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { Client: DeviceClient } = require('azure-iot-device');
const { Amqp, AmqpWs } = require('azure-iot-device-amqp');
const { Http } = require('azure-iot-device-http');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');

const { Hub, deadline, eventually } = require('../sdk/node/harness');
const { Feedback, NoRetry, Service, message: makeMessage } = require('../sdk/node/clients');
const { Random } = require('../sdk/node/random');
const { Account } = require('./account');

const SECONDS = Number(process.env.DEVICEBOUND_STORM_SECONDS || 20);
const SEED = Number(process.env.DEVICEBOUND_SEED || Date.now() % 1000000);
const DEVICES = Array.from({ length: 50 }, (_, i) => `d${i}`);
const TRANSPORTS = { Amqp, AmqpWs, Http, Mqtt, MqttWs };
const PROTOCOLS = { // as the journal calls them
  Amqp: 'amqp', AmqpWs: 'amqpWs', Http: 'https', Mqtt: 'mqtt', MqttWs: 'mqttWs',
};
const OPTIONS = ['--mqtts-port', '8883', '--default-ttl', 'P2D', '--feedback-ttl', 'P2D',
  '--max-delivery-count', '3', '--log-level', 'warn'];
const ACTS = { complete: 55, reject: 10, abandon: 25, keep: 10 };
const WAITING_MAX = 12; // messages of one device that have not ended
const SERVICES = 2;
const SENDS_AT_ONCE = 16;
const THROWN_OUT = 0.15; // share of connections that the operator resets
const EXPIRING = 0.05; // share of messages with an expiry of their own

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* One connection of one device. */
class Visit {
  constructor(storm, id, transport) {
    Object.assign(this, { storm, id, transport, random: storm.random });
    this.waiting = []; // messages not yet acted on
    this.given = []; // ids, in the order of arrival
    this.acts = []; // which may be lost if the connection is reset
    this.isMqtt = transport.startsWith('Mqtt');
    this.isOpen = true;
    this.isThrownOut = false;
    storm.clients.add(this);
    // With a key instead of a token, the timer of its renewal outlives a connection that is reset.
    this.client = DeviceClient.fromSharedAccessSignature(
      storm.hub.deviceToken(id), TRANSPORTS[transport]);
    this.client.setRetryPolicy(new NoRetry());
    this.client.on('error', (error) => this.trouble(error));
    this.client.on('disconnect', ({ transportObj: error }) => this.trouble(error));
  }

  trouble(error) {
    if (this.isOpen && !this.isThrownOut) {
      this.storm.account.breaches.push(`${this.id} over ${this.transport}: ${error}`);
    }
    this.isOpen = false;
  }

  async open() {
    if (this.transport === 'Http') {
      this.client.setOptions({ http: { receivePolicy: { interval: 0.2 } } });
    }
    await deadline(this.client.open(), `${this.id} to open over ${this.transport}`);
    this.client.on('message', (received) => this.take(received));
    if (!this.isMqtt) {
      // Closed before it has enabled messages, the SDK hangs, or polls for ever; it tells nobody.
      const transport = this.client._transport;
      await eventually(() => transport._c2dLink || transport._intervalObj || !this.isOpen,
        `${this.id} to receive over ${this.transport}`);
    }
    this.settling = this.settleAll();
  }

  take(received) {
    const message = this.storm.account.messages.get(received.messageId);
    if (!message || message.device !== this.id) {
      this.storm.account.breaches.push(`${this.id} was given ${received.messageId}`);
      return;
    }
    message.given++;
    this.given.push(message.id);
    if (this.isMqtt) {
      this.note(message, 'complete', this.storm.account.moves); // the SDK acknowledges by itself
    } else {
      this.waiting.push({ received, message, receivedIn: this.storm.account.moves });
    }
  }

  note(message, what, receivedIn) {
    const act = this.storm.account.act(message, what, PROTOCOLS[this.transport], receivedIn);
    act.isCertain = !this.isThrownOut;
    this.acts.push(act);
    return act;
  }

  /* One at a time, each in a write of its own: rhea, under the SDK, joins dispositions of
   * neighbouring deliveries in one write without comparing the first two. */
  async settleAll() {
    while (this.isOpen) {
      await this.storm.gate;
      const next = this.waiting.shift();
      if (next && this.isOpen) {
        this.storm.settling++;
        await this.settle(next).finally(() => this.storm.settling--);
      } else {
        await pause(5);
      }
    }
  }

  async settle({ received, message, receivedIn }) {
    const what = this.storm.isDraining ? 'complete' : this.random.weighted(ACTS);
    if (what !== 'keep') {
      const act = this.note(message, what, receivedIn);
      try {
        await deadline(this.client[what](received), `${what} over ${this.transport}`);
      } catch (error) {
        act.isRefused = this.transport === 'Http' && error.message === 'Precondition Failed';
        if (!act.isRefused) {
          this.trouble(error);
        }
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  /* Politely, or by the operator's hand. */
  async end() {
    if (this.random.chance(THROWN_OUT) && this.transport !== 'Http') {
      await this.throwOut();
    }
    this.isOpen = false;
    await this.settling;
    await this.close().catch((error) => assert.ok(this.isThrownOut, error));
    this.storm.clients.delete(this);
    this.storm.visits.push(this);
  }

  close() {
    this.isOpen = false;
    return deadline(this.client.close(), `${this.id} to close over ${this.transport}`);
  }

  async throwOut() {
    const { hub } = this.storm;
    const { items } = await hub.ask('GET', '/control/v1/connections?limit=1000');
    this.isThrownOut = true;
    this.acts.forEach((act) => {
      act.isCertain = false;
    });
    for (const { id, identity, protocol } of items) {
      if (identity === this.id && protocol === PROTOCOLS[this.transport]) {
        await hub.ask('DELETE', `/control/v1/connections/${id}?how=reset`);
      }
    }
  }
}

class Storm {
  constructor(hub) {
    this.hub = hub;
    this.random = new Random(SEED);
    this.account = new Account();
    this.gate = Promise.resolve(); // closed while the clock is moved
    this.settling = 0;
    this.visits = []; // that have ended
    this.clients = new Set(); // that have to be closed
    this.isOver = false;
    this.isDraining = false;
  }

  async send(service) {
    while (!this.isOver) {
      const device = this.random.pick(DEVICES);
      if (this.waitingOf(device) >= WAITING_MAX) {
        await pause(5);
      } else {
        await this.sendOne(service, device);
      }
    }
  }

  waitingOf(device) {
    return this.open.get(device)?.filter((message) => !message.end).length ?? 0;
  }

  async sendOne(service, device) {
    const ack = this.random.chance(0.8) ? 'full' : 'none';
    const expires = this.random.chance(EXPIRING) ? this.now + 30000 : undefined;
    const message = this.account.send(device, ack, expires);
    this.open.set(device, [...(this.open.get(device) ?? []).filter((other) => !other.end), message]);
    try {
      await service.send(device, makeMessage(`body of ${message.id}`, {
        messageId: message.id, ack, expiryTimeUtc: expires,
      }));
      message.accepted = true;
    } catch (error) {
      // The clock may be moved past the expiry while the message is on its way.
      assert.ok(expires && error.name === 'InvalidOperationError', error);
      message.accepted = false;
    }
  }

  async live(id) {
    while (!this.isOver) {
      const visit = new Visit(this, id, this.random.pick(Object.keys(TRANSPORTS)));
      await visit.open();
      const end = Date.now() + 200 + this.random.below(1500);
      await eventually(() => Date.now() > end || !visit.isOpen || this.isOver, 'the visit to end');
      await visit.end();
    }
  }

  /* What was asked for has happened; then time passes. Nobody settles meanwhile. */
  async moveClock(by) {
    let open;
    this.gate = new Promise((resolve) => {
      open = resolve;
    });
    try {
      await eventually(() => this.settling === 0, 'settlements to leave');
      await this.seeActs();
      this.account.moves++;
      await this.hub.advance(by);
      this.now = (await this.hub.now()).getTime();
    } finally {
      open();
    }
    assert.deepEqual(this.account.breaches, [], `seed ${SEED}`);
  }

  async seeActs() {
    this.account.beforeMove();
    await eventually(async () => {
      await this.account.read(this.hub);
      return this.account.unseenActs().length === 0;
    }, 'every settlement to be in the journal').catch((error) => {
      this.account.unseenActs().forEach((message) => this.account.breach('not settled', message));
      assert.deepEqual(this.account.breaches, [], `seed ${SEED}: ${error.message}`);
    });
  }

  async run(services) {
    await this.hub.freeze();
    this.now = (await this.hub.now()).getTime();
    this.open = new Map();
    const end = Date.now() + SECONDS * 1000;
    const work = [...DEVICES.map((id) => this.live(id)),
      ...Array.from({ length: SENDS_AT_ONCE }, (_, i) => this.send(services[i % services.length]))];
    const clock = (async () => {
      while (Date.now() < end) {
        await pause(500);
        await this.moveClock(this.random.pick(['PT16S', 'PT61S']));
      }
      this.isOver = true;
    })();
    const all = [clock, ...work];
    await Promise.all(all).finally(() => {
      this.isOver = true;
      return Promise.allSettled(all);
    });
  }

  /* Also after a failure: what is still connected would keep the process. */
  async end() {
    this.isOver = true;
    await Promise.allSettled([...this.clients].map((client) => client.close()));
    await this.hub.stop();
  }

  /* Whatever is left is completed. */
  async drain() {
    this.isDraining = true;
    const visits = DEVICES.map((id) => new Visit(this, id, 'Amqp'));
    for (const visit of visits) {
      await visit.open();
    }
    await eventually(async () => {
      await this.moveClock('PT61S');
      const { enqueued, invisible, feedbackPending } = await this.hub.counts();
      return enqueued + invisible + feedbackPending === 0;
    }, 'the queues to be empty', 60000);
    for (const visit of visits) {
      visit.random = { chance: () => false };
      await visit.end();
    }
    await this.account.read(this.hub);
  }
}

test(`storm: every message ends once, as asked (${SECONDS} s, seed ${SEED})`, async (t) => {
  const hub = await Hub.start({ address: '127.0.40.2', devices: DEVICES, options: OPTIONS });
  const storm = new Storm(hub);
  t.after(() => storm.end());
  const services = [];
  for (let i = 0; i < SERVICES; i++) {
    services.push(await Service.open(hub.serviceConnectionString('service')));
    storm.clients.add(services[i]);
  }
  const feedback = await Feedback.of(services[0], hub);
  feedback.receiver.on('message', (batch) => storm.account.feedback(batch.getData().toString()));
  await storm.run(services);
  await storm.drain();

  storm.account.check();
  for (const { id, transport, given } of storm.visits) {
    if (transport !== 'Http') { // the SDK asks for the next message before it gives the last
      storm.account.checkArrivals(id, given);
    }
  }
  const messages = [...storm.account.messages.values()];
  const ends = {};
  messages.forEach(({ end }) => {
    const name = end ? end.event : 'refused';
    ends[name] = (ends[name] || 0) + 1;
  });
  const transports = {};
  storm.visits.forEach(({ transport, isThrownOut }) => {
    const name = isThrownOut ? `${transport} reset` : transport;
    transports[name] = (transports[name] || 0) + 1;
  });
  t.diagnostic(JSON.stringify({ seed: SEED, messages: messages.length, ends, transports,
    moves: storm.account.moves, given: messages.reduce((sum, { given }) => sum + given, 0),
    batches: feedback.batches.length,
    repeatedBatches: storm.account.repeatedBatches }));
  assert.deepEqual(storm.account.breaches, [], `seed ${SEED}`);
  for (const end of ['completed', 'rejected', 'expired', 'deliveryCountExceeded']) {
    assert.ok(ends[end] > 0, `no message was ${end}`);
  }
});
