/*
 * The few MQTT packets and AMQP frames that these tests send, as bytes; and the two protocols in
 * one form: how each begins, how it is asked something, and how it shows that it understood.
 */
'use strict';

const assert = require('node:assert/strict');

/* ---- MQTT 3.1.1 ---- */

function mqttText(text) {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function mqttPacket(first, ...parts) {
  const body = Buffer.concat(parts);
  const length = [];
  for (let rest = body.length, more = true; more; rest = Math.floor(rest / 128)) {
    more = rest >= 128;
    length.push((rest % 128) | (more ? 0x80 : 0));
  }
  return Buffer.concat([Buffer.of(first, ...length), body]);
}

function mqttConnect(hub, deviceId, keepAlive = 240) {
  return mqttPacket(0x10, mqttText('MQTT'), Buffer.of(4, 0xc2, 0, keepAlive), mqttText(deviceId),
    mqttText(`${hub.address}/${deviceId}/?api-version=2021-04-12`), mqttText(hub.deviceToken(deviceId)));
}

function mqttPublish(deviceId, packetId, body, bag = '') {
  return mqttPacket(0x32, mqttText(`devices/${deviceId}/messages/events/${bag}`), Buffer.of(0, packetId),
    Buffer.from(body));
}

/* A PUBLISH (QoS 1, id 7) of exactly `length` bytes. */
function mqttPublishOf(deviceId, length) {
  const packet = (size) => mqttPublish(deviceId, 7, Buffer.alloc(size, 'x'));
  let size = length - packet(0).length;
  while (packet(size).length > length) {
    size--;
  }
  assert.equal(packet(size).length, length);
  return packet(size);
}

const MQTT_CONNACK = Buffer.of(0x20, 2, 0, 0);
const MQTT_PINGREQ = Buffer.of(0xc0, 0);
const MQTT_DISCONNECT = Buffer.of(0xe0, 0);
const MQTT_PUBACK_7 = Buffer.of(0x40, 2, 0, 7);

/* ---- AMQP 1.0 ---- */

const AMQP_HEADER = Buffer.from('AMQP\x00\x01\x00\x00', 'latin1');
const AMQP_SASL_HEADER = Buffer.from('AMQP\x03\x01\x00\x00', 'latin1');
const AMQP_EMPTY = Buffer.of(0, 0, 0, 8, 2, 0, 0, 0);

function amqpFrame(descriptor, list) {
  const performative = Buffer.concat([Buffer.of(0, 0x53, descriptor), list]);
  const head = Buffer.of(0, 0, 0, 0, 2, 0, 0, 0);
  head.writeUInt32BE(8 + performative.length);
  return Buffer.concat([head, performative]);
}

function amqpList(...items) {
  const joined = Buffer.concat(items);
  return Buffer.concat([Buffer.of(0xc0, joined.length + 1, items.length), joined]);
}

function amqpString(text, type = 0xa1) {
  return Buffer.concat([Buffer.of(type, text.length), Buffer.from(text)]);
}

/* `open` with nothing but a container id. */
function amqpOpen() {
  return amqpFrame(0x10, amqpList(amqpString('wire')));
}

/* `close` with an error, whose description has that length. */
function amqpClose(length) {
  const error = amqpList(amqpString('amqp:internal-error', 0xa3), amqpString('x'.repeat(length)));
  return amqpFrame(0x18, amqpList(Buffer.concat([Buffer.of(0, 0x53, 0x1d), error])));
}

/* Which performative a frame has. */
function amqpDescriptor(bytes) {
  return bytes.length > 8 ? bytes[10] : null;
}

/* One frame of the payloads that come. */
async function readAmqpFrame(frames, left) {
  let bytes = left;
  while (bytes.length < 4 || bytes.length < bytes.readUInt32BE()) {
    bytes = Buffer.concat([bytes, await frames.payload(1)]);
  }
  const size = bytes.readUInt32BE();
  return [bytes.subarray(0, size), bytes.subarray(size)];
}

/* ---- both, in one form ---- */

/*
 * hello       the first bytes of a client, and expectHello reads what they cause
 * work(n)     `n` bytes (at least 100) that follow them, and expectWork reads what those cause
 */
const mqtt = {
  name: 'mqtt',
  subprotocol: 'mqtt',
  hello: (hub, deviceId) => mqttConnect(hub, deviceId),
  async expectHello(frames) {
    assert.deepEqual(await frames.payload(4), MQTT_CONNACK);
  },
  work: (deviceId, length) => mqttPublishOf(deviceId, length),
  async expectWork(frames) {
    assert.deepEqual(await frames.payload(4), MQTT_PUBACK_7);
  },
};

const amqp = {
  name: 'amqp',
  subprotocol: 'AMQPWSB10',
  hello: () => Buffer.concat([AMQP_HEADER, amqpOpen()]),
  async expectHello(frames) {
    const bytes = await frames.payload(8);
    assert.deepEqual(bytes.subarray(0, 8), AMQP_HEADER);
    const [opened, left] = await readAmqpFrame(frames, bytes.subarray(8));
    assert.equal(amqpDescriptor(opened), 0x10);
    frames.left = left;
  },
  /* Empty frames, and a close that is as long as is missing. */
  work(deviceId, length) {
    const rest = length - amqpClose(0).length;
    return Buffer.concat([...Array(Math.floor(rest / 8)).fill(AMQP_EMPTY), amqpClose(rest % 8)]);
  },
  async expectWork(frames) {
    const [closed] = await readAmqpFrame(frames, frames.left);
    assert.equal(amqpDescriptor(closed), 0x18);
  },
};

module.exports = {
  amqp, mqtt, AMQP_HEADER, AMQP_SASL_HEADER, MQTT_CONNACK, MQTT_DISCONNECT, MQTT_PINGREQ,
  amqpOpen, mqttConnect, mqttPacket, mqttPublish, mqttText,
};
