/*
 * One device, or one service, as a plain client of each protocol, for what an SDK would hide: whether
 * a connection was reset or closed, what condition it was told, that an answer never came.
 *
 * Each operation gives what it was told, in a word or two: 'done', 'error …', and 'reset' or 'closed …'
 * if the connection has ended before.
 */
'use strict';

const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const mqtt = require('mqtt');
const rhea = require('rhea');

const { Mailbag, deadline } = require('./harness');

const API = 'api-version=2021-04-12';

const authority = (hub) => fs.readFileSync(path.join(hub.directory, 'ca.pem'));

/* What a connection has and how it ends; `say` is for the answer that is waited for. A service has a
 * device that it sends to. */
class Peer {
  constructor(hub, id, device = id) {
    Object.assign(this, { hub, id, device });
    this.messages = new Mailbag(`a message for ${id}`);
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  /* What `begin` says first, or how the connection ended. */
  until(begin, what) {
    return deadline(Promise.race([new Promise(begin), this.ended]), `${what} of ${this.id}`);
  }

  /* The id of the next message, or how the connection ended instead. */
  async deliver() {
    this.received = await Promise.race([this.messages.take(), this.ended]);
    return typeof this.received === 'string' ? this.received : 'done';
  }

  idOf(received) {
    return received.id;
  }
}

/* ---- AMQP ---- */

const conditionOf = (error) => error?.condition?.replace(/^.*:/, '') ?? 'without a reason';

class AmqpPeer extends Peer {
  connect() {
    const { hub, id } = this;
    const container = rhea.create_container();
    container.on('error', () => {});
    container.on('connection_error', () => {});
    container.on('session_error', () => {});
    container.on('connection_close', ({ connection }) => this.end(`closed ${conditionOf(connection.error)}`));
    container.on('disconnected', ({ error }) => this.end(error?.code === 'ECONNRESET' ? 'reset' : 'closed'));
    const who = id === 'service'
      ? { username: `service@sas.root.${hub.address}`, password: hub.serviceToken() }
      : { username: `${id}@sas.${hub.address}`, password: hub.deviceToken(id) };
    return this.until((say) => {
      // Refused, it is opened and then closed: what comes behind is awaited too.
      container.on('session_open', () => say('done'));
      container.on('connection_open', ({ connection }) => connection.create_session().begin());
      this.connection = container.connect({
        host: hub.address, port: hub.ports.amqps, transport: 'tls', servername: '', ca: authority(hub),
        reconnect: false, ...who,
      });
    }, 'connect');
  }

  attach(address = `/devices/${this.id}/messages/devicebound`) {
    const receiver = this.connection.open_receiver({
      source: { address }, rcv_settle_mode: 1, autoaccept: false, credit_window: 0,
    });
    receiver.on('message', ({ message, delivery }) => {
      const annotations = message.message_annotations;
      this.messages.put({ id: annotations['x-opt-sequence-number'], delivery });
    });
    return this.until((say) => {
      receiver.on('receiver_error', () => this.end(`error ${conditionOf(receiver.error)}`));
      receiver.on('receiver_open', () => {
        if (receiver.source?.address) {
          receiver.add_credit(10);
          say('done');
        }
      });
    }, 'attach');
  }

  attachFeedback() {
    return this.attach('/messages/servicebound/feedback');
  }

  /* Telemetry, or what another message says. */
  send(address = `/devices/${this.id}/messages/events`, properties = {}) {
    this.sender ??= this.connection.open_sender(address);
    return this.until((say) => {
      const write = () => {
        const sent = this.sender.send({ ...properties, body: rhea.message.data_section(Buffer.from('x')) });
        this.sender.on('accepted', ({ delivery }) => delivery === sent && say('done'));
        this.sender.on('rejected', ({ delivery }) => delivery === sent
          && say(`error ${conditionOf(delivery.remote_state.error)}`));
      };
      if (this.sender.sendable()) {
        write();
      } else {
        this.sender.once('sendable', write);
      }
    }, 'send');
  }

  /* As a service, to its device. */
  sendToDevice() {
    return this.send('/messages/devicebound', { to: `/devices/${this.device}/messages/devicebound` });
  }

  settle() {
    const { delivery } = this.received;
    return this.until((say) => {
      delivery.link.on('settled', (context) => {
        if (context.delivery === delivery) {
          const { error, constructor } = delivery.remote_state;
          say(constructor.composite_type === 'accepted' ? 'done' : `error ${conditionOf(error)}`);
        }
      });
      delivery.update(false, rhea.message.accepted().described());
    }, 'settle');
  }

  close() {
    this.connection.abort_socket(this.connection.socket); // with its timers
  }
}

/* ---- MQTT ---- */

class MqttPeer extends Peer {
  connect() {
    const { hub, id } = this;
    this.client = mqtt.connect({
      protocol: 'mqtts', host: hub.address, port: hub.ports.mqtts, ca: authority(hub), clientId: id,
      username: `${hub.address}/${id}/?${API}`, password: hub.deviceToken(id), clean: false,
      reconnectPeriod: 0,
    });
    this.client.on('error', ({ code }) => this.end(code === 'ECONNRESET' ? 'reset' : `error ${code}`));
    this.client.on('close', () => this.end('closed'));
    // In place of the library's own, so that acknowledging is an operation of its own.
    this.client._handlePublish = (packet, done) => {
      this.messages.put({ id: packet.topic, packet });
      done();
    };
    return this.until((say) => this.client.on('connect', () => say('done')), 'connect');
  }

  attach() {
    return this.until((say) => {
      this.client.subscribe(`devices/${this.id}/messages/devicebound/#`, { qos: 1 }, (error, granted) => {
        if (!error) {
          say(granted[0].qos < 128 ? 'done' : 'error 128');
        }
      });
    }, 'attach');
  }

  send() {
    return this.until((say) => {
      this.client.publish(`devices/${this.id}/messages/events/`, 'x', { qos: 1 },
        (error) => error || say('done'));
    }, 'send');
  }

  /* A PUBACK has no answer: what comes behind it has. */
  settle() {
    this.client._sendPacket({ cmd: 'puback', messageId: this.received.packet.messageId });
    return this.send();
  }

  close() {
    this.client.end(true);
  }
}

/* ---- HTTPS ---- */

class HttpsPeer extends Peer {
  constructor(hub, id, device) {
    super(hub, id, device);
    this.agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    this.box = id === 'service' ? '/messages/serviceBound/feedback' : `/devices/${id}/messages/deviceBound`;
  }

  request(method, route, body) {
    const { hub, id } = this;
    return deadline(new Promise((resolve) => {
      const request = https.request({
        method, host: hub.address, port: hub.ports.https, ca: authority(hub), agent: this.agent,
        path: `${route}?${API}`,
        headers: { authorization: id === 'service' ? hub.serviceToken() : hub.deviceToken(id) },
      }, (response) => {
        response.on('end', () => resolve(response));
        response.resume();
      });
      // A reset is read; a socket that was closed hangs up.
      request.on('error', ({ syscall }) => resolve({ outcome: syscall === 'read' ? 'reset' : 'closed' }));
      request.end(body);
    }), `${method} of ${id}`);
  }

  async say(...request) {
    const { outcome, statusCode } = await this.request(...request);
    return outcome ?? (statusCode < 300 ? 'done' : `error ${statusCode}`);
  }

  /* An empty box is read. */
  connect() {
    return this.say('GET', this.box);
  }

  attachFeedback() {
    return 'done';
  }

  attach() {
    return 'done';
  }

  async take() {
    const { outcome, statusCode, headers } = await this.request('GET', this.box);
    if (statusCode === 200) {
      return { id: headers['iothub-sequencenumber'] ?? headers.etag, token: headers.etag.slice(1, -1) };
    }
    return outcome ?? (statusCode === 204 ? 'empty' : `error ${statusCode}`);
  }

  async deliver() {
    this.received = await this.take();
    return typeof this.received === 'string' ? this.received : 'done';
  }

  send() {
    return this.say('POST', `/devices/${this.id}/messages/events`, 'x');
  }

  /* As a service, to its device. */
  sendToDevice() {
    return this.say('POST', `/devices/${this.device}/messages/devicebound`, 'x');
  }

  settle() {
    return this.say('DELETE', `${this.box}/${this.received.token}`);
  }

  close() {
    this.agent.destroy();
  }
}

const PEERS = { amqp: AmqpPeer, mqtt: MqttPeer, https: HttpsPeer };

module.exports = { PEERS };
