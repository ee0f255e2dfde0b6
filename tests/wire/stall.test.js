/*
 * Peers that begin something and go on with it never: they cost the hub no time, nobody else waits
 * for them, and each is closed at its own limit. All stall at once, so the longest limit is how long
 * this takes.
 */
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const test = require('node:test');

const { Hub, PATIENCE_MS } = require('../sdk/node/harness');
const {
  amqp, mqtt, AMQP_HEADER, AMQP_SASL_HEADER, MQTT_CONNACK, amqpOpen, mqttConnect,
} = require('./bytes');
const { BINARY, FramePeer, frame, head } = require('./frames');
const { Peer } = require('./peer');

const BUSY_TICKS = 50; // of 10 ms: half a second, where a loop that spins has many
const EARLY_MS = 500; // the hub's clock and ours begin at different moments

/* In seconds; each is named where it is defined. */
const TLS_LIMIT = 10; // socket_stream.h: struct socket_deadlines
const HEAD_LIMIT = 60; // websocket.h: WEBSOCKET_HEAD_WAIT_MS
const AMQP_LIMIT = 60; // amqp/connection.h: AMQP_AUTHENTICATE_MS
const MQTT_LIMIT = 60; // mqtt/connection.c: CONNECT_WAIT_MS
const KEEP_ALIVE = 14;
const KEEP_ALIVE_LIMIT = 21; // one and a half (MQTT-3.1.2-24)
const HTTP_LIMIT = 120; // https/server.c, control/control.c: IDLE_SECONDS

let hub;

const tcp = (port) => async () => Peer.overTcp(hub.address, hub.ports[port]);
const tls = (port) => async () => Peer.overTls(hub.address, hub.ports[port]);

/* After `connect`, these bytes and no more. */
const saying = (connect, bytes) => async () => {
  const peer = await connect();
  peer.write(typeof bytes === 'function' ? bytes() : bytes);
  return peer;
};

/* After the upgrade. */
const framed = (protocol, bytes) => async () => {
  const frames = await FramePeer.upgraded(hub, protocol.subprotocol);
  frames.peer.write(bytes());
  return frames.peer;
};

const half = (bytes) => bytes.subarray(0, bytes.length / 2);
const HELLO = Buffer.from('160301020001', 'hex'); // a record of 512 bytes, and a ClientHello in it
const UNFINISHED = Buffer.concat([HELLO, Buffer.alloc(100)]);

const stalled = [
  ...['https', 'amqps', 'mqtts'].flatMap((port) => [
    [`${port}: nothing at all`, TLS_LIMIT, tcp(port)],
    [`${port}: six bytes of a ClientHello`, TLS_LIMIT, saying(tcp(port), HELLO)],
    [`${port}: a part of a ClientHello`, TLS_LIMIT, saying(tcp(port), UNFINISHED)],
  ]),
  ['https: nothing after TLS', HEAD_LIMIT, tls('https')],
  ['https: half a method', HEAD_LIMIT, saying(tls('https'), 'GE')],
  ['https: half a head', HEAD_LIMIT, saying(tls('https'), 'GET /devices HTTP/1.1\r\nHost: h')],
  ['https: half an upgrade', HEAD_LIMIT, saying(tls('https'), head('mqtt').slice(0, -2))],
  ['https: half a head with another method', HTTP_LIMIT,
    saying(tls('https'), 'POST /devices/d/messages/events HTTP/1.1\r\nHo')],
  ['https: half a body', HTTP_LIMIT,
    saying(tls('https'), 'POST /devices/d/messages/events HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf')],
  ['https: an upgrade, then nothing', MQTT_LIMIT, framed(mqtt, () => Buffer.alloc(0))],
  ['https: half a frame of MQTT', MQTT_LIMIT, framed(mqtt, () => half(frame(BINARY, mqttConnect(hub, 'd'))))],
  ['https: the first byte of a frame', AMQP_LIMIT, framed(amqp, () => Buffer.of(0x82))],
  ['https: half a frame of AMQP', AMQP_LIMIT, framed(amqp, () => half(frame(BINARY, AMQP_SASL_HEADER)))],
  ['https: half a message of AMQP', AMQP_LIMIT, framed(amqp, () => frame(BINARY, AMQP_HEADER, { fin: false }))],
  ['amqps: nothing after TLS', AMQP_LIMIT, tls('amqps')],
  ['amqps: half a header', AMQP_LIMIT, saying(tls('amqps'), half(AMQP_HEADER))],
  ['amqps: a header', AMQP_LIMIT, saying(tls('amqps'), AMQP_SASL_HEADER)],
  ['amqps: half a frame', AMQP_LIMIT, saying(tls('amqps'), () => Buffer.concat([AMQP_HEADER, half(amqpOpen())]))],
  ['amqps: an open, and no word who it is', AMQP_LIMIT,
    saying(tls('amqps'), () => Buffer.concat([AMQP_HEADER, amqpOpen()]))],
  ['mqtts: nothing after TLS', MQTT_LIMIT, tls('mqtts')],
  ['mqtts: half a packet', MQTT_LIMIT, saying(tls('mqtts'), () => half(mqttConnect(hub, 'd')))],
  ['mqtts: half a packet, logged in', KEEP_ALIVE_LIMIT, async () => {
    const peer = await Peer.overTls(hub.address, hub.ports.mqtts);
    peer.write(mqttConnect(hub, 'd', KEEP_ALIVE));
    assert.deepEqual(await peer.read(4), MQTT_CONNACK);
    peer.write(half(mqtt.work('d', 200)));
    return peer;
  }],
  ['control: nothing at all', HTTP_LIMIT, tcp('control')],
  ['control: half a head', HTTP_LIMIT, saying(tcp('control'), 'GET /control/v1/hub HTTP/1.1\r\nHo')],
  ['control: half a body', HTTP_LIMIT,
    saying(tcp('control'), 'POST /control/v1/clock/set HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf')],
].map(([name, limit, begin]) => ({ name, limit, begin }));

/* Processor time of the hub, user's and system's, in ticks. */
function ticks() {
  const stat = fs.readFileSync(`/proc/${hub.process.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/* Clients that do what is expected, on every port. */
async function exchange() {
  for (const protocol of [mqtt, amqp]) {
    const frames = await FramePeer.upgraded(hub, protocol.subprotocol);
    frames.send(BINARY, protocol.hello(hub, 'other'));
    await protocol.expectHello(frames);
    frames.send(BINARY, protocol.work('other', 300));
    await protocol.expectWork(frames);
    frames.destroy();
  }
  const device = await Peer.overTls(hub.address, hub.ports.mqtts);
  device.write(mqttConnect(hub, 'other'));
  assert.deepEqual(await device.read(4), MQTT_CONNACK);
  device.destroy();
  const service = await Peer.overTls(hub.address, hub.ports.amqps);
  service.write(AMQP_HEADER);
  assert.deepEqual(await service.read(8), AMQP_HEADER);
  service.destroy();
  await hub.counts();
}

test.before(async () => {
  hub = await Hub.start({ address: '127.0.70.3', devices: ['d', 'other'], freePorts: true });
  await exchange();
  for (const row of stalled) {
    row.peer = await row.begin();
    row.since = performance.now();
  }
});

test.after(async () => {
  for (const { peer } of stalled) {
    peer.destroy();
  }
  await hub.stop();
});

/* Until everyone with that limit is closed, others are served at both ends, and the hub is idle. */
async function staysIdleUntil(limit) {
  const before = ticks();
  await exchange();
  for (const { peer } of stalled.filter((row) => row.limit <= limit)) {
    await peer.readToEnd(limit * 1000 + PATIENCE_MS);
  }
  await exchange();
  const used = ticks() - before;
  assert.ok(used < BUSY_TICKS, `${used} ticks`);
}

for (const limit of [TLS_LIMIT, KEEP_ALIVE_LIMIT, HEAD_LIMIT, HTTP_LIMIT]) {
  test(`who stalls costs nothing and holds nobody up, until ${limit} s are over`, () => staysIdleUntil(limit));
}

for (const { name, limit } of stalled) {
  test(`closed after ${limit} s: ${name}`, () => {
    const { peer, since } = stalled.find((row) => row.name === name);
    const stayed = peer.endedAt - since;
    assert.ok(stayed > limit * 1000 - EARLY_MS, `closed after ${stayed} ms`);
    assert.ok(stayed < limit * 1000 + PATIENCE_MS, `closed after ${stayed} ms`);
  });
}
