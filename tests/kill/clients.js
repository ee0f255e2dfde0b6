/*
 * Services and devices without an SDK, quick to connect and to lose. Each tells the ledger what it
 * sees, works from its opening until the hub is killed, and then fulfils `closed`, having handled
 * everything that the hub had said.
 *
 * Work is { hub, ledger, random, isDraining }: draining, services send nothing and devices complete
 * whatever comes.
 */
'use strict';

const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const mqtt = require('mqtt');
const rhea = require('rhea');

const SENDS_OPEN = 16; // per service
const CREDIT = 8;
const UNDELIVERED_MAX = 25; // of one device, so that few sends are refused for a full queue
const POLLS = 3; // at a time, over HTTPS
const API = 'api-version=2021-04-12';
const ACTS = { complete: 70, reject: 12, abandon: 14, nothing: 4 };
const ACKS = { full: 50, positive: 15, negative: 15, none: 20 };

function authority(hub) {
  hub.authority ??= fs.readFileSync(path.join(hub.directory, 'ca.pem'));
  return hub.authority;
}

/* What to do with a delivery; some are left to their locks. */
function chooseAct(work, acts) {
  return work.isDraining ? 'complete' : work.random.weighted(acts);
}

/* Calls `act` at once or a little later, so that not all settlements leave in one write. */
function soon(work, act) {
  if (work.random.chance(0.5)) {
    act();
  } else {
    setTimeout(act, work.random.below(4));
  }
}

/* ---- AMQP ---- */

class AmqpPeer {
  constructor(work, username, password) {
    this.work = work;
    this.isClosed = false;
    const container = rhea.create_container();
    container.on('error', () => {});
    container.on('connection_error', () => {});
    this.closed = new Promise((resolve) => {
      container.on('disconnected', () => {
        this.isClosed = true;
        resolve();
      });
    });
    for (const ending of ['receiver_error', 'sender_error', 'session_error', 'connection_close']) {
      container.on(ending, (context) => {
        const { error } = context.receiver || context.sender || context.session || context.connection;
        work.ledger.breach(`${username}: ${ending} ${error}`);
      });
    }
    this.connection = container.connect({
      host: work.hub.address, port: work.hub.ports.amqps, transport: 'tls', servername: '',
      ca: authority(work.hub), reconnect: false, username, password,
    });
  }

  /* `handle` gives a credit back for each message it is done with. */
  receive(address, handle) {
    this.receiver = this.connection.open_receiver({
      source: { address }, rcv_settle_mode: 1, autoaccept: false, credit_window: 0,
    });
    this.receiver.add_credit(CREDIT);
    this.receiver.on('message', handle);
    this.receiver.on('settled', ({ delivery }) => {
      delivery.answered?.(delivery.remote_state?.constructor.composite_type === 'accepted');
    });
  }
}

class AmqpService extends AmqpPeer {
  constructor(work, name, devices) {
    const { hub } = work;
    super(work, `service@sas.root.${hub.address}`, hub.serviceToken());
    Object.assign(this, { name, devices, sendsOpen: 0 });
    this.sender = this.connection.open_sender({ target: { address: '/messages/devicebound' } });
    this.sender.on('sendable', () => this.pump());
    this.sender.on('accepted', ({ delivery }) => this.answered(delivery, true));
    this.sender.on('rejected', ({ delivery }) => this.answered(delivery, false));
  }

  answered(delivery, accepted) {
    this.sendsOpen--;
    delivery.answered(accepted);
    this.pump();
  }

  pump() {
    const { ledger, random, isDraining } = this.work;
    while (!isDraining && !this.isClosed && this.sendsOpen < SENDS_OPEN && this.sender.sendable()) {
      const device = random.pick(this.devices);
      if (ledger.undelivered.get(device) >= UNDELIVERED_MAX) {
        setTimeout(() => this.pump(), 1);
        return;
      }
      const ack = random.weighted(ACKS);
      const { message, answered } = ledger.send(device, this.name, ack);
      this.sendsOpen++;
      this.sender.send({
        message_id: message.id, to: `/devices/${message.device}/messages/devicebound`,
        application_properties: { 'iothub-ack': ack },
        body: rhea.message.data_section(Buffer.alloc(random.below(200), message.id)),
      }).answered = answered;
    }
  }
}

class FeedbackReader extends AmqpPeer {
  constructor(work) {
    const { hub } = work;
    super(work, `service@sas.root.${hub.address}`, hub.serviceToken());
    this.receive('/messages/servicebound/feedback', ({ message, delivery }) => {
      const number = message.message_annotations['x-opt-sequence-number'];
      delivery.answered = work.ledger.feedback(number, message.body.content.toString());
      delivery.accept();
      this.receiver.add_credit(1);
    });
  }
}

class AmqpDevice extends AmqpPeer {
  constructor(work, id) {
    super(work, `${id}@sas.${work.hub.address}`, work.hub.deviceToken(id));
    Object.assign(this, { id, settlements: [], isSettling: false });
    this.receive(`/devices/${id}/messages/devicebound`, ({ message, delivery }) => {
      const annotations = message.message_annotations;
      const given = work.ledger.deliver(message.message_id, id, {
        sequence: annotations['x-opt-sequence-number'],
        count: annotations['iothub-deliverycount'],
        keepsLock: true,
      });
      const act = chooseAct(work, ACTS);
      if (given && act !== 'nothing') {
        soon(work, () => this.settle(given, delivery, act));
      } else {
        this.receiver.add_credit(1);
      }
    });
  }

  /* One in ten as most SDKs do it: settled, so that no answer comes. */
  settle(message, delivery, act) {
    const isSettled = !this.work.isDraining && this.work.random.chance(0.1);
    this.settlements.push({ message, delivery, act, isSettled });
    if (!this.isSettling) {
      this.settleNext();
    }
  }

  /* All that go the same way leave together, others in a later write: rhea joins dispositions of
   * neighbouring deliveries in one write without comparing the first two. */
  settleNext() {
    const [first] = this.settlements;
    this.isSettling = first !== undefined && !this.isClosed;
    if (!this.isSettling) {
      return;
    }
    const isLikeFirst = ({ act, isSettled }) => act === first.act && isSettled === first.isSettled;
    while (this.settlements.length > 0 && isLikeFirst(this.settlements[0])) {
      this.write(this.settlements.shift());
    }
    setImmediate(() => this.settleNext());
  }

  write({ message, delivery, act, isSettled }) {
    const state = { complete: 'accepted', reject: 'rejected', abandon: 'released' }[act];
    if (isSettled) {
      this.work.ledger.settleUnanswered(message, act);
    } else {
      delivery.answered = this.work.ledger.settle(message, act);
    }
    delivery.update(isSettled, rhea.message[state]().described());
    this.receiver.add_credit(1);
  }
}

/* ---- MQTT ---- */

class MqttDevice {
  /* `remembered`: the hub has acknowledged a subscription of this session before. */
  constructor(work, id, remembered) {
    const { hub, ledger } = work;
    this.isSubscribed = remembered;
    this.client = mqtt.connect({
      protocol: 'mqtts', host: hub.address, port: hub.ports.mqtts, ca: authority(hub),
      clientId: id, username: `${hub.address}/${id}/?${API}`, password: hub.deviceToken(id),
      clean: false, reconnectPeriod: 0,
    });
    this.closed = new Promise((resolve) => this.client.on('close', resolve));
    this.client.on('error', () => {});
    this.client.on('connect', ({ sessionPresent }) => {
      if (remembered && !sessionPresent) {
        ledger.breach(`${id}: the hub forgot an acknowledged subscription`);
      }
      if (!sessionPresent) {
        this.subscribe(work, id);
      }
    });
    this.client.handleMessage = ({ topic }, acknowledge) => {
      const messageId = new URLSearchParams(topic.split('/')[4]).get('$.mid');
      const given = ledger.deliver(messageId, id, { keepsLock: false });
      if (given) {
        ledger.settleUnanswered(given, 'complete');
      }
      acknowledge();
    };
  }

  subscribe(work, id) {
    const answered = work.ledger.begin(() => {
      this.isSubscribed = true;
    }, () => {});
    this.client.subscribe(`devices/${id}/messages/devicebound/#`, { qos: 1 }, (error) => {
      if (!error) {
        answered();
      }
    });
  }
}

/* ---- HTTPS ---- */

class HttpsDevice {
  constructor(work, id) {
    this.work = work;
    this.id = id;
    this.agent = new https.Agent({ keepAlive: true });
    this.token = work.hub.deviceToken(id);
    this.closed = Promise.all(Array.from({ length: POLLS }, () => this.poll()))
      .then(() => this.agent.destroy());
  }

  /* Gives null when the hub is gone. */
  request(method, tail) {
    const { hub } = this.work;
    return new Promise((resolve) => {
      const request = https.request({
        method, host: hub.address, port: hub.ports.https, ca: authority(hub), agent: this.agent,
        path: `/devices/${this.id}/messages/devicebound${tail}`, headers: { authorization: this.token },
      }, (response) => {
        response.on('error', () => resolve(null));
        response.on('end', () => resolve(response));
        response.resume();
      });
      request.on('error', () => resolve(null));
      request.end();
    });
  }

  async poll() {
    for (;;) {
      const response = await this.request('GET', `?${API}`);
      if (!response) {
        break;
      } else if (response.statusCode === 200) {
        await this.settle(response.headers);
      } else {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  async settle(headers) {
    const given = this.work.ledger.deliver(headers['iothub-messageid'], this.id, {
      sequence: Number(headers['iothub-sequencenumber']),
      count: Number(headers['iothub-deliverycount']),
      keepsLock: true,
    });
    const act = chooseAct(this.work, ACTS);
    if (!given || act === 'nothing') {
      return;
    }
    const token = headers.etag.slice(1, -1);
    const answered = this.work.ledger.settle(given, act);
    const response = await (act === 'abandon' ? this.request('POST', `/${token}/abandon?${API}`)
      : this.request('DELETE', `/${token}?${API}${act === 'reject' ? '&reject' : ''}`));
    if (response) {
      answered(response.statusCode === 204);
    }
  }
}

module.exports = { AmqpDevice, AmqpService, FeedbackReader, HttpsDevice, MqttDevice };
