/*
 * How a WebSocket begins on the HTTPS port: which heads are taken, which are refused, and how.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { WebSocket } = require('ws');

const { Hub, deadline } = require('../sdk/node/harness');
const { amqp, mqtt } = require('./bytes');
const { FramePeer, BINARY, PATH, frame, head } = require('./frames');
const { Peer } = require('./peer');

const DEVICE = 'wired';
const OTHER_PATH = '/$servicebus/websocket/';
let hub;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.70.1', devices: [DEVICE], freePorts: true });
});

test.after(() => hub.stop());

/* A connection that has sent nothing, closed when the test ends. */
async function connect(t) {
  const frames = await FramePeer.connect(hub);
  t.after(() => frames.destroy());
  return frames;
}

async function upgraded(t) {
  const frames = await FramePeer.upgraded(hub, 'mqtt');
  t.after(() => frames.destroy());
  return frames;
}

/* The protocol behind the frames answers. */
async function serves(frames, protocol) {
  frames.send(BINARY, protocol.hello(hub, DEVICE));
  await protocol.expectHello(frames);
}

/* ---- what is taken ---- */

const taken = [
  ['MQTT', mqtt, {}],
  ['AMQP', amqp, {}],
  ['AMQP at the other path', amqp, { path: OTHER_PATH }],
  ['the other path without its slash', amqp, { path: OTHER_PATH.slice(0, -1) }],
  ['a slash behind the path', mqtt, { path: `${PATH}/` }],
  ['an escaped $', mqtt, { path: PATH.replace('$', '%24') }],
  ['an escaped $ at the other path', amqp, { path: OTHER_PATH.replace('$', '%24') }],
  ['a query', mqtt, { path: `${PATH}?iothub-no-client-cert=true` }],
  ['a query that nobody knows', amqp, { path: `${PATH}?a=b&c` }],
  ['a subprotocol in upper case', mqtt, { headers: { 'Sec-WebSocket-Protocol': 'MQTT' } }, 'MQTT'],
  ['a subprotocol in lower case', amqp, { headers: { 'Sec-WebSocket-Protocol': 'amqpwsb10' } }, 'amqpwsb10'],
  ['the first known subprotocol of several', amqp,
    { headers: { 'Sec-WebSocket-Protocol': 'soap, AMQPWSB10, mqtt' } }],
  ['subprotocols in several headers', mqtt, { headers: { 'Sec-WebSocket-Protocol': ['soap', 'mqtt'] } }],
  ['offers of extensions, none accepted', mqtt,
    { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits, x-webkit-deflate-frame' } }],
  ['a host with its port', amqp, { headers: { Host: 'hub.local:443' } }],
  ['an origin', mqtt, { headers: { Origin: 'https://elsewhere.example:443' } }],
  ['other words beside upgrade', mqtt, { headers: { Connection: 'keep-alive, UPGRADE', Upgrade: 'h2c, WebSocket' } }],
];

for (const [name, protocol, options, subprotocol = protocol.subprotocol] of taken) {
  test(`a head is taken: ${name}`, async (t) => {
    const frames = await connect(t);
    frames.peer.write(head(protocol.subprotocol, options));
    await frames.readUpgrade(subprotocol);
    await serves(frames, protocol);
  });
}

for (const protocol of [mqtt, amqp]) {
  test(`a head may come byte by byte (${protocol.name})`, async (t) => {
    const frames = await connect(t);
    await frames.peer.writeBytewise(Buffer.from(head(protocol.subprotocol)));
    await frames.readUpgrade(protocol.subprotocol);
    await serves(frames, protocol);
  });

  test(`frames that come with the head are not lost (${protocol.name})`, async (t) => {
    const frames = await connect(t);
    frames.peer.write(Buffer.concat([Buffer.from(head(protocol.subprotocol)),
      frame(BINARY, protocol.hello(hub, DEVICE)), frame(BINARY, protocol.work(DEVICE, 300))]));
    await frames.readUpgrade(protocol.subprotocol);
    await protocol.expectHello(frames);
    await protocol.expectWork(frames);
  });

  test(`the hub says nothing before its client has (${protocol.name})`, async (t) => {
    const frames = await connect(t);
    frames.peer.write(head(protocol.subprotocol));
    await frames.readUpgrade(protocol.subprotocol);
    await serves(await upgraded(t), mqtt); // an exchange elsewhere
    assert.equal(frames.peer.input.length, 0);
  });
}

/* ---- what is refused ---- */

const without = (name) => ({ headers: { [name]: undefined } });
const saying = (name, value) => ({ headers: { [name]: value } });

const refused = [
  ['another path', 400, { path: '/mqtt' }],
  ['the root', 400, { path: '/' }],
  ['the path in another case', 400, { path: '/$IotHub/websocket' }],
  ['more behind the path', 400, { path: `${PATH}s` }],
  ['two slashes behind the path', 400, { path: `${PATH}//` }],
  ['a REST path', 400, { path: `/devices/${DEVICE}` }],
  ['no subprotocol', 400, without('Sec-WebSocket-Protocol')],
  ['an empty subprotocol', 400, saying('Sec-WebSocket-Protocol', '')],
  ['an unknown subprotocol', 400, saying('Sec-WebSocket-Protocol', 'soap')],
  ['MQTT 5 by its invented name', 400, saying('Sec-WebSocket-Protocol', 'mqttv5')],
  ['an old version', 426, saying('Sec-WebSocket-Version', '8')],
  ['no version', 426, without('Sec-WebSocket-Version')],
  ['two versions', 426, saying('Sec-WebSocket-Version', '13, 8')],
  ['no key', 400, without('Sec-WebSocket-Key')],
  ['a short key', 400, saying('Sec-WebSocket-Key', 'c2hvcnQ=')],
  ['a key that is no base64', 400, saying('Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub2*jZQ==')],
  ['two keys', 400, saying('Sec-WebSocket-Key', ['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ=='])],
  ['no host', 400, without('Host')],
  ['no Connection', 400, without('Connection')],
  ['Connection: close', 400, saying('Connection', 'close')],
  ['HTTP/1.0', 400, { version: 'HTTP/1.0' }],
  ['a folded header', 400, { headers: { ' folded': 'yes' } }],
  ['a name with a blank', 400, { headers: { 'name ': 'value' } }],
];

for (const [name, status, options] of refused) {
  test(`a head is refused with ${status}: ${name}`, async (t) => {
    const { peer } = await connect(t);
    peer.write(head('mqtt', options));
    const answer = await peer.readResponse();
    assert.equal(answer.status, status);
    assert.ok(answer.headers.some((line) => /^Connection: .*close$/.test(line)));
    assert.equal(status === 426, answer.headers.includes('Sec-WebSocket-Version: 13'));
    assert.equal(status === 426, answer.body === '', 'a sentence says why');
    assert.equal((await peer.readToEnd()).length, 0);
  });
}

test('what asks for no WebSocket is a request like any other, whatever its path', async (t) => {
  for (const options of [without('Upgrade'), saying('Upgrade', 'h2c'), { method: 'POST', ...saying('Content-Length', '0') }]) {
    const { peer } = await connect(t);
    peer.write(head('mqtt', options));
    assert.ok([400, 401, 404, 405].includes((await peer.readResponse()).status));
  }
});

test('an upgrade as a later request of a connection is refused, and says why', async (t) => {
  const { peer } = await connect(t);
  peer.write(`GET /devices/${DEVICE}?api-version=2021-04-12 HTTP/1.1\r\nHost: ${hub.address}\r\n`
    + `Authorization: ${hub.serviceToken(3600, 'registryRead')}\r\n\r\n`);
  assert.equal((await peer.readResponse()).status, 200);
  peer.write(head('mqtt'));
  const answer = await peer.readResponse();
  assert.equal(answer.status, 400);
  assert.match(answer.body, /first request of a connection/);
});

test('a head beyond 16 KiB is refused, and nobody else waits for it', async (t) => {
  for (const [length, status] of [[16384, 400], [65536, 400], [98304, 431], [4194304, 431]]) {
    const { peer } = await connect(t);
    peer.write(head('mqtt', saying('X-Padding', 'x'.repeat(length))));
    assert.equal((await peer.readResponse()).status, status, `${length} bytes`);
  }
  await serves(await upgraded(t), mqtt);
});

test('a head that never ends is refused', async (t) => {
  const { peer } = await connect(t);
  peer.write(`GET ${PATH} HTTP/1.1\r\nHost: hub.local\r\nUpgrade: websocket\r\nX-Padding: `);
  peer.write('x'.repeat(262144));
  assert.equal((await peer.readResponse()).status, 431);
  await peer.readToEnd();
});

test('an upgrade without TLS gets no answer in the clear', async (t) => {
  const peer = await Peer.overTcp(hub.address, hub.ports.https);
  t.after(() => peer.destroy());
  peer.write(head('mqtt'));
  assert.doesNotMatch((await peer.readToEnd()).toString('latin1'), /HTTP/);
});

/* ---- a client from a library ---- */

function open(t, subprotocols, options = {}, path = PATH) {
  const socket = new WebSocket(`wss://${hub.address}:${hub.ports.https}${path}`, subprotocols,
    { rejectUnauthorized: false, ...options });
  t.after(() => socket.terminate());
  return deadline(new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (request, response) => resolve(response));
    socket.once('error', reject);
  }), 'the handshake of ws');
}

const event = (socket, name) => deadline(
  new Promise((resolve) => socket.once(name, (...got) => resolve(got))), `${name} of ws`);

test('ws is connected without the extension it offers', async (t) => {
  const socket = await open(t, ['AMQPWSB10'], { perMessageDeflate: true });
  assert.equal(socket.protocol, 'AMQPWSB10');
  assert.equal(socket.extensions, '');
});

test('ws gets its ping back', async (t) => {
  const socket = await open(t, ['mqtt']);
  socket.ping('are you there');
  assert.equal((await event(socket, 'pong'))[0].toString(), 'are you there');
});

test('ws closes with its own code', async (t) => {
  for (const [code, seen] of [[1000, 1000], [1001, 1001], [4321, 4321], [undefined, 1005]]) {
    const socket = await open(t, ['mqtt']);
    socket.close(code);
    assert.equal((await event(socket, 'close'))[0], seen);
  }
});

test('ws is told 400 and 426 where no WebSocket is', async (t) => {
  assert.equal((await open(t, ['mqtt'], {}, '/elsewhere')).statusCode, 400);
  assert.equal((await open(t, ['soap'])).statusCode, 400);
  assert.equal((await open(t, ['mqtt'], { protocolVersion: 8 })).statusCode, 426);
});

test('ws sends a packet in fragments and gets its answer as one message', async (t) => {
  const socket = await open(t, ['mqtt']);
  const hello = mqtt.hello(hub, DEVICE);
  socket.send(hello.subarray(0, 1), { fin: false });
  socket.send(hello.subarray(1, 9), { fin: false });
  socket.send(hello.subarray(9), { fin: true });
  const [answer, isBinary] = await event(socket, 'message');
  assert.deepEqual([...answer], [0x20, 2, 0, 0]);
  assert.equal(isBinary, true);
});
