/*
 * One device over each protocol, without an SDK, behind one face:
 *
 *     await receive()       the next message, waited for
 *     await look()          the next message, or null if there is none by the end of a round trip
 *     await settle(m, act)  complete, reject, abandon; whether the hub took it. MQTT only completes
 *     forget()              drops what the hub has pushed and nobody has looked at
 *     close()               what is not settled stays locked
 *
 * A message has body (text), id, properties; count and sequence where the protocol shows them.
 */
'use strict';

const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const mqtt = require('mqtt');
const rhea = require('rhea');

const { Mailbag, deadline, eventually } = require('../sdk/node/harness');

const API = 'api-version=2021-04-12';

function authority(hub) {
  return fs.readFileSync(path.join(hub.directory, 'ca.pem'));
}

class AmqpDevice {
  static shows = new Set(['count', 'sequence', 'refusal', 'reject', 'abandon']);

  static async open(hub, id) {
    const device = new AmqpDevice();
    const container = rhea.create_container();
    device.messages = new Mailbag(`a message for ${id}`);
    device.drained = new Mailbag('an answer to drain');
    device.closed = new Mailbag('the end of the connection');
    container.on('disconnected', () => device.closed.put(true));
    container.on('connection_close', () => device.closed.put(true));
    for (const ending of ['receiver_error', 'session_error', 'connection_error', 'error']) {
      container.on(ending, () => {});
    }
    device.connection = container.connect({
      host: hub.address, port: hub.ports.amqps, transport: 'tls', servername: '', reconnect: false,
      ca: authority(hub), username: `${id}@sas.${hub.address}`, password: hub.deviceToken(id),
    });
    device.receiver = device.connection.open_receiver({
      source: { address: `/devices/${id}/messages/devicebound` },
      rcv_settle_mode: 1, autoaccept: false, credit_window: 0,
    });
    device.receiver.on('message', ({ message, delivery }) => device.messages.put({
      body: message.body ? message.body.content.toString() : '',
      id: message.message_id,
      properties: message.application_properties || {},
      count: message.message_annotations['iothub-deliverycount'],
      sequence: message.message_annotations['x-opt-sequence-number'],
      delivery,
    }));
    device.receiver.on('receiver_drained', () => device.drained.put(true));
    device.receiver.on('settled', ({ delivery }) => delivery.answered?.(
      delivery.remote_state?.constructor.composite_type));
    const ready = new Promise((resolve) => device.receiver.once('receiver_open', resolve));
    await deadline(ready, 'the receiver to open');
    return device;
  }

  receive() {
    this.receiver.drain = false;
    this.receiver.add_credit(1);
    return this.messages.take();
  }

  async look() {
    this.receiver.drain = true;
    this.receiver.add_credit(1);
    await this.drained.take();
    this.receiver.drain = false;
    return this.messages.length > 0 ? this.messages.take() : null;
  }

  async settle({ delivery }, act) {
    const state = { complete: 'accepted', reject: 'rejected', abandon: 'released' }[act];
    const answer = new Promise((resolve) => {
      delivery.answered = resolve;
    });
    delivery.update(false, rhea.message[state]().described());
    return (await deadline(answer, 'an answer to the disposition')) === 'accepted';
  }

  forget() {}

  close() {
    this.connection.close();
    return this.closed.take();
  }
}

class MqttDevice {
  static shows = new Set(['push']);

  static async open(hub, id) {
    const device = new MqttDevice();
    device.id = id;
    device.messages = new Mailbag(`a message for ${id}`);
    device.client = mqtt.connect({
      protocol: 'mqtts', host: hub.address, port: hub.ports.mqtts, ca: authority(hub), clientId: id,
      username: `${hub.address}/${id}/?${API}`, password: hub.deviceToken(id),
      clean: false, reconnectPeriod: 0,
    });
    device.client.on('error', () => {});
    /* In place of the library's own, which acknowledges one message before it reads the next: this
     * device holds several. */
    device.client._handlePublish = (packet, done) => {
      device.messages.put({ ...MqttDevice.read(packet), packet });
      done();
    };
    await deadline(new Promise((resolve, reject) => {
      device.client.once('connect', resolve);
      device.client.once('error', reject);
    }), 'the CONNACK');
    await device.done((done) => device.client.subscribe(
      `devices/${id}/messages/devicebound/#`, { qos: 1 }, done));
    return device;
  }

  static read({ topic, payload }) {
    const bag = new URLSearchParams(topic.split('/').slice(4).join('/').replaceAll('+', '%2B'));
    const properties = Object.fromEntries([...bag].filter(([key]) => !key.startsWith('$.')));
    return { id: bag.get('$.mid') ?? undefined, properties, body: payload.toString() };
  }

  done(call) {
    return deadline(new Promise((resolve, reject) => {
      call((error, result) => (error ? reject(error) : resolve(result)));
    }), 'an MQTT acknowledgement');
  }

  receive() {
    return this.messages.take();
  }

  roundTrip() {
    return this.done((done) => this.client.publish(
      `devices/${this.id}/messages/events/`, 'round trip', { qos: 1 }, done));
  }

  /* What the hub has to give is on the wire before it acknowledges what came later. */
  async look() {
    await this.roundTrip();
    return this.messages.length > 0 ? this.messages.take() : null;
  }

  async settle({ packet }) {
    this.client._sendPacket({ cmd: 'puback', messageId: packet.messageId });
    await this.roundTrip();
    return true;
  }

  forget() {
    this.messages.items = [];
  }

  close() {
    return this.done((done) => this.client.end(false, done));
  }
}

class HttpsDevice {
  static shows = new Set(['count', 'sequence', 'refusal', 'reject', 'abandon', 'token']);

  static async open(hub, id) {
    return Object.assign(new HttpsDevice(), {
      hub, id, token: hub.deviceToken(id), authority: authority(hub),
      agent: new https.Agent({ keepAlive: true }),
    });
  }

  request(method, tail) {
    return deadline(new Promise((resolve, reject) => {
      https.request({
        method, host: this.hub.address, port: this.hub.ports.https, ca: this.authority, agent: this.agent,
        path: `/devices/${encodeURIComponent(this.id)}/messages/devicebound${tail}`,
        headers: { authorization: this.token },
      }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => resolve({
          status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString(),
        }));
      }).on('error', reject).end();
    }), `${method} …/messages/devicebound${tail}`);
  }

  async look() {
    const { status, headers, body } = await this.request('GET', `?${API}`);
    if (status !== 200) {
      return null;
    }
    const properties = {};
    for (const [name, value] of Object.entries(headers)) {
      if (name.startsWith('iothub-app-')) {
        properties[name.slice('iothub-app-'.length)] = value;
      }
    }
    return {
      body, properties, id: headers['iothub-messageid'], token: headers.etag.slice(1, -1),
      count: Number(headers['iothub-deliverycount']), sequence: Number(headers['iothub-sequencenumber']),
    };
  }

  receive() {
    return eventually(() => this.look(), `a message for ${this.id}`);
  }

  async settle({ token }, act) {
    const { status } = await (act === 'abandon' ? this.request('POST', `/${token}/abandon?${API}`)
      : this.request('DELETE', `/${token}?${API}${act === 'reject' ? '&reject=' : ''}`));
    return status === 204;
  }

  forget() {}

  close() {
    this.agent.destroy();
  }
}

module.exports = { amqp: AmqpDevice, mqtt: MqttDevice, https: HttpsDevice };
