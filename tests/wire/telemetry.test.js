/*
 * What a device sends over MQTT and HTTPS, from the bytes on the wire to the control API.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub } = require('../sdk/node/harness');
const { mqtt, mqttPublish, MQTT_CONNACK, mqttConnect } = require('./bytes');
const { BINARY, FramePeer } = require('./frames');
const { Peer } = require('./peer');

const BATCH = 'application/vnd.microsoft.iothub.json';
let hub;
let count = 0;

test.before(async () => {
  const devices = Array.from({ length: 10 }, (_, i) => `d${i}`);
  hub = await Hub.start({ address: '127.0.70.4', devices, freePorts: true });
});

test.after(() => hub.stop());

const fresh = () => `d${count++}`;
const body = (text) => ({ base64: Buffer.from(text).toString('base64'), text });

/* The answer to a device's request. */
async function post(t, deviceId, headers, content) {
  const peer = await Peer.overTls(hub.address, hub.ports.https);
  t.after(() => peer.destroy());
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  peer.write(`POST /devices/${deviceId}/messages/events?api-version=2021-04-12 HTTP/1.1\r\n`
    + `Host: ${hub.address}\r\nAuthorization: ${hub.deviceToken(deviceId)}\r\n`
    + `Content-Length: ${Buffer.byteLength(content)}\r\n${lines}\r\n${content}`);
  return peer.readResponse();
}

test('MQTT: bag and payload, once PUBACK has come', async (t) => {
  const device = fresh();
  const peer = await Peer.overTls(hub.address, hub.ports.mqtts);
  t.after(() => peer.destroy());
  peer.write(mqttConnect(hub, device));
  assert.deepEqual(await peer.read(4), MQTT_CONNACK);
  peer.write(mqttPublish(device, 1, '21.5', '%24.mid=m%201&%24.ct=text%2Fplain&$.ctime=now&room=kitchen&n&e='));
  assert.deepEqual(await peer.read(4), Buffer.of(0x40, 2, 0, 1));
  const [item] = await hub.telemetry(device);
  assert.equal(item.protocol, 'mqtt');
  assert.deepEqual(item.systemProperties, { messageId: 'm 1', contentType: 'text/plain', '$.ctime': 'now' });
  assert.deepEqual(item.properties, { room: 'kitchen', n: null, e: '' });
  assert.deepEqual(item.body, body('21.5'));
});

test('MQTT over WebSocket: every byte of a large payload', async (t) => {
  const device = fresh();
  const frames = await FramePeer.upgraded(hub, 'mqtt');
  t.after(() => frames.destroy());
  frames.send(BINARY, mqtt.hello(hub, device));
  await mqtt.expectHello(frames);
  const payload = Buffer.from(Array.from({ length: 200000 }, (_, i) => i % 251));
  frames.send(BINARY, mqttPublish(device, 7, payload));
  await mqtt.expectWork(frames);
  const [item] = await hub.telemetry(device);
  assert.equal(item.protocol, 'mqttWs');
  assert.deepEqual(Buffer.from(item.body.base64, 'base64'), payload);
});

test('HTTPS: headers and body', async (t) => {
  const device = fresh();
  const { status } = await post(t, device, {
    'iothub-messageid': 'm1', 'iothub-app-Room': 'kitchen', 'iothub-contenttype': 'text/plain', 'X-Other': 'x',
  }, '21.5');
  assert.equal(status, 204);
  const [item] = await hub.telemetry(device);
  assert.equal(item.protocol, 'https');
  assert.deepEqual(item.systemProperties, { messageId: 'm1', contentType: 'text/plain' });
  assert.deepEqual(item.properties, { Room: 'kitchen' });
  assert.deepEqual(item.body, body('21.5'));
});

test('HTTPS: each message of a batch, or none', async (t) => {
  const device = fresh();
  const items = [
    { body: Buffer.from('one').toString('base64'), base64Encoded: true, properties: { 'iothub-app-n': '1' } },
    { body: 'two', base64Encoded: false },
  ];
  assert.equal((await post(t, device, { 'Content-Type': BATCH }, JSON.stringify(items))).status, 204);
  assert.equal((await post(t, device, { 'Content-Type': BATCH }, JSON.stringify([...items, {}]))).status, 400);
  const kept = await hub.telemetry(device);
  assert.deepEqual(kept.map((item) => item.body), [body('one'), body('two')]);
  assert.deepEqual(kept.map((item) => item.properties), [{ n: '1' }, {}]);
});
