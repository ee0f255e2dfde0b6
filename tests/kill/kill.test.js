/*
 * kill -9 in a loop, with services and devices at work: whatever the hub had answered before it
 * died holds after it was started again, and nothing that was settled comes back.
 *
 * DEVICEBOUND_KILLS: how often (200); DEVICEBOUND_SEED: a seed to repeat. The same seed makes the
 * same plan, not the same run: where in its work a kill strikes the hub is the machine's affair.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const test = require('node:test');
const { Worker } = require('node:worker_threads');

const { Hub, binary, deadline, eventually } = require('../sdk/node/harness');
const { Random } = require('../sdk/node/random');
const { AmqpDevice, AmqpService, FeedbackReader, HttpsDevice, MqttDevice } = require('./clients');
const { Ledger } = require('./ledger');

const KILLS = Number(process.env.DEVICEBOUND_KILLS || 200);
const SEED = Number(process.env.DEVICEBOUND_SEED || Date.now() % 1000000);
const AMQP_DEVICES = ['amqp-0', 'amqp-1', 'amqp-2', 'amqp-3'];
const HTTPS_DEVICE = 'https-0';
const MQTT_DEVICE = 'mqtt-0';
const DEVICES = [...AMQP_DEVICES, HTTPS_DEVICE, MQTT_DEVICE];
/* Nothing ends but by what the devices do; a lock is over when the clock is moved. */
const OPTIONS = ['--default-ttl', 'P2D', '--feedback-ttl', 'P2D', '--max-delivery-count', '100',
  '--feedback-max-delivery-count', '100'];
const PAST_LOCKS_MS = 61000;
const ANSWERS_BEFORE_KILL = 250; // at most
const HANDSHAKE_KILL = 0.08; // share of kills while the clients connect
const LAPSES = 0.7; // share of starts after which the locks of before are over
const POWER = 0.2; // share of starts with durability power
const START_KILL = 0.1; // share of kills that are followed by one of the starting hub

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Storm {
  constructor(hub) {
    this.random = new Random(SEED);
    this.ledger = new Ledger();
    this.work = { hub, ledger: this.ledger, random: this.random, isDraining: false };
    this.hub = hub;
    this.command = hub.command;
    this.now = Date.now() + 86400000; // ahead of the machine's clock, which each start returns to
    this.kills = { all: 0, withAnswersMissing: 0, ofStarts: 0 };
    this.isRemembered = false;
    this.killer = new Worker(path.join(__dirname, 'killer.js'));
    this.killer.unref();
  }

  async setClock() {
    await this.hub.freeze();
    await this.hub.ask('POST', '/control/v1/clock/set', { to: new Date(this.now).toISOString() });
  }

  async lapseLocks() {
    this.now += PAST_LOCKS_MS;
    this.ledger.locksLapsed();
    await this.setClock();
  }

  connect() {
    const { work } = this;
    this.mqtt = new MqttDevice(work, MQTT_DEVICE, this.isRemembered);
    this.clients = [
      this.mqtt,
      new HttpsDevice(work, HTTPS_DEVICE),
      new FeedbackReader(work),
      new AmqpService(work, 'service-0', DEVICES),
      new AmqpService(work, 'service-1', DEVICES),
      ...AMQP_DEVICES.map((id) => new AmqpDevice(work, id)),
    ];
  }

  /* A point in the work of the hub, by what it has answered or by time. */
  async killPoint() {
    const { random, ledger } = this;
    if (random.chance(HANDSHAKE_KILL)) {
      await pause(random.below(40));
    } else {
      const answers = ledger.afterAnswers(1 + random.below(ANSWERS_BEFORE_KILL));
      await deadline(answers, 'answers to kill after');
    }
  }

  async kill() {
    this.killer.postMessage({ pid: this.hub.process.pid, afterMs: this.random.fraction() * 3 });
    assert.deepEqual(await deadline(this.hub.exited, 'the end'), { code: null, signal: 'SIGKILL' },
      `the hub ended by itself; seed ${SEED}\n${this.hub.log.slice(-20).join('\n')}`);
    await deadline(Promise.all(this.clients.map((client) => client.closed)), 'the clients to notice');
    this.isRemembered ||= this.mqtt.isSubscribed;
    this.kills.all++;
    this.kills.withAnswersMissing += this.ledger.hubDied() > 0 ? 1 : 0;
  }

  /* A start that does not get far: recovery must bear being killed too. */
  async killStart() {
    const child = spawn(binary(), this.hub.command, { stdio: 'ignore' });
    const exited = once(child, 'exit');
    await pause(this.random.below(25));
    child.kill('SIGKILL');
    assert.deepEqual(await exited, [null, 'SIGKILL']);
    this.kills.ofStarts++;
  }

  /* With power the commit takes longer: more kills strike between a change and its commit. */
  async restart() {
    const durability = this.random.chance(POWER) ? 'power' : 'process';
    this.hub.command = [...this.command, '--durability', durability];
    if (this.random.chance(START_KILL)) {
      await this.killStart();
    }
    await this.hub.launch();
    if (this.random.chance(LAPSES)) {
      await this.lapseLocks();
    } else {
      await this.setClock();
    }
  }

  check() {
    assert.deepEqual(this.ledger.breaches, [], `seed ${SEED}, after ${this.kills.all} kills`);
  }

  /* The hub lives on, and everything comes to its end. */
  async drain() {
    const { hub, ledger } = this;
    this.work.isDraining = true;
    await this.lapseLocks();
    this.connect();
    await eventually(async () => {
      await hub.flushFeedback();
      const { enqueued, invisible, feedbackPending } = await hub.counts();
      return enqueued + invisible + feedbackPending + ledger.open.size === 0
        && ledger.unfinished().length === 0;
    }, 'the queues to be empty').finally(() => {
      ledger.close();
      this.check();
    });
  }
}

/* The first connection of the MQTT device rejects what waits, so nothing may wait. */
async function subscribe(storm) {
  storm.work.isDraining = true;
  storm.connect();
  await eventually(() => storm.mqtt.isSubscribed, 'the subscription');
  await storm.kill();
  storm.work.isDraining = false;
  storm.kills = { all: 0, withAnswersMissing: 0, ofStarts: 0 };
}

test(`kill -9 in a loop: what was acknowledged holds (${KILLS} kills, seed ${SEED})`, async (t) => {
  const hub = await Hub.start({
    address: '127.0.40.1', devices: DEVICES, options: OPTIONS, freePorts: true, onDisk: true,
  });
  t.after(() => hub.stop());
  const storm = new Storm(hub);
  await subscribe(storm);
  while (storm.kills.all < KILLS) {
    await storm.restart();
    storm.connect();
    await storm.killPoint();
    await storm.kill();
    storm.check();
  }
  await hub.launch();
  await storm.drain();

  const messages = [...storm.ledger.messages.values()];
  const lost = messages.filter(({ sent }) => sent === 'lost');
  t.diagnostic(JSON.stringify({
    seed: SEED, kills: storm.kills, ...storm.ledger.totals, messages: messages.length,
    refused: messages.filter(({ sent }) => sent === 'refused').length,
    sendsLost: lost.length, sendsLostButThere: lost.filter(({ deliveries }) => deliveries > 0).length,
    records: messages.reduce((sum, { records }) => sum + records.length, 0),
    batches: storm.ledger.batches.size,
  }));
  assert.ok(storm.kills.withAnswersMissing >= KILLS / 2,
    `only ${storm.kills.withAnswersMissing} of ${KILLS} kills struck while answers were missing`);
});
