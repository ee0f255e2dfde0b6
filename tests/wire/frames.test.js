/*
 * WebSocket frames on the HTTPS port, over TLS: what AMQP and MQTT get of them, and what comes back.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, eventually } = require('../sdk/node/harness');
const { amqp, mqtt, mqttPacket, mqttText, AMQP_HEADER, MQTT_DISCONNECT, MQTT_PINGREQ } = require('./bytes');
const {
  BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, FramePeer, closing, frame,
} = require('./frames');

const DEVICE = 'framed';
const NOTHING = Buffer.alloc(0);
const BYTE = Buffer.from('x');
const PROTOCOLS = [mqtt, amqp];
let hub;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.70.2', devices: [DEVICE, 'reader'], freePorts: true });
});

test.after(() => hub.stop());

async function upgraded(t, protocol) {
  const frames = await FramePeer.upgraded(hub, protocol.subprotocol);
  t.after(() => frames.destroy());
  return frames;
}

/* Upgraded, and the protocol above has begun. */
async function begun(t, protocol, deviceId = DEVICE) {
  const frames = await upgraded(t, protocol);
  frames.send(BINARY, protocol.hello(hub, deviceId));
  await protocol.expectHello(frames);
  return frames;
}

/* ---- what is taken: frames that carry the same bytes in other ways ---- */

const halves = (bytes) => [bytes.subarray(0, 11), bytes.subarray(11)];
const singles = (bytes) => [...bytes].map((byte) => Buffer.of(byte));

const ways = {
  'one frame': (bytes) => [frame(BINARY, bytes)],
  'two messages': (bytes) => halves(bytes).map((half) => frame(BINARY, half)),
  'a message for each byte': (bytes) => singles(bytes).map((byte) => frame(BINARY, byte)),
  'two fragments': (bytes) => [frame(BINARY, halves(bytes)[0], { fin: false }), frame(CONTINUATION, halves(bytes)[1])],
  'a fragment for each byte, the last one empty': (bytes) => [frame(BINARY, NOTHING, { fin: false }),
    ...singles(bytes).map((byte) => frame(CONTINUATION, byte, { fin: false })), frame(CONTINUATION)],
  'empty messages before and behind': (bytes) => [frame(BINARY), frame(BINARY, bytes), frame(BINARY)],
  'control frames between fragments': (bytes) => [frame(BINARY, halves(bytes)[0], { fin: false }),
    frame(PONG, BYTE), frame(PONG), frame(CONTINUATION, halves(bytes)[1])],
  'unmasked pongs between messages': (bytes) => halves(bytes).flatMap(
    (half) => [frame(PONG, BYTE, { masked: false }), frame(BINARY, half)]),
};

for (const protocol of PROTOCOLS) {
  for (const [name, make] of Object.entries(ways)) {
    test(`${protocol.name} in ${name}`, async (t) => {
      const frames = await begun(t, protocol);
      frames.peer.write(Buffer.concat(make(protocol.work(DEVICE, 200))));
      await protocol.expectWork(frames);
    });
  }

  test(`${protocol.name} in frames cut at every byte`, async (t) => {
    const frames = await begun(t, protocol);
    await frames.peer.writeBytewise(Buffer.concat([frame(BINARY), frame(BINARY, protocol.work(DEVICE, 140))]));
    await protocol.expectWork(frames);
  });

  for (const length of [125, 126, 127, 65535, 65536, 65537]) {
    test(`${protocol.name} in a frame of ${length} bytes`, async (t) => {
      const frames = await begun(t, protocol);
      frames.send(BINARY, protocol.work(DEVICE, length));
      await protocol.expectWork(frames);
    });
  }

  for (const payload of [NOTHING, BYTE, Buffer.alloc(125, 'p')]) {
    test(`${protocol.name}: a ping of ${payload.length} bytes has its pong`, async (t) => {
      const frames = await begun(t, protocol);
      for (const masked of [true, false]) {
        frames.send(PING, payload, { masked });
        assert.deepEqual(await frames.next(), { opcode: PONG, payload });
      }
      frames.send(BINARY, protocol.work(DEVICE, 200));
      await protocol.expectWork(frames);
    });
  }
}

test('a ping may come before the first byte of a protocol, and within a fragmented message', async (t) => {
  const frames = await upgraded(t, mqtt);
  const hello = mqtt.hello(hub, DEVICE);
  frames.send(PING, BYTE);
  assert.equal((await frames.next()).opcode, PONG);
  frames.send(BINARY, hello.subarray(0, 5), { fin: false });
  frames.send(PING, BYTE);
  assert.equal((await frames.next()).opcode, PONG);
  frames.send(CONTINUATION, hello.subarray(5));
  await mqtt.expectHello(frames);
});

test('several packets in one frame are all answered', async (t) => {
  const frames = await begun(t, mqtt);
  frames.send(BINARY, Buffer.concat([MQTT_PINGREQ, mqtt.work(DEVICE, 150), MQTT_PINGREQ]));
  const answers = (await frames.payload(8)).toString('hex');
  // A ping promises nothing, so its answer need not wait for the commit.
  assert.equal(answers.replace(/d000/g, ''), '40020007');
  assert.equal(answers.length, 16);
});

/* ---- what is refused ---- */

const PROTOCOL_ERROR = closing(1002);
const refused = [
  ['unmasked data', PROTOCOL_ERROR, frame(BINARY, BYTE, { masked: false })],
  ['an unmasked continuation', PROTOCOL_ERROR,
    Buffer.concat([frame(BINARY, NOTHING, { fin: false }), frame(CONTINUATION, BYTE, { masked: false })])],
  ...[4, 2, 1].map((reserved) => [`reserved bit ${reserved}`, PROTOCOL_ERROR, frame(BINARY, BYTE, { reserved })]),
  ['a reserved bit of a ping', PROTOCOL_ERROR, frame(PING, BYTE, { reserved: 4 })],
  ['a text frame', closing(1003), frame(TEXT, BYTE)],
  ['an empty text frame', closing(1003), frame(TEXT)],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`opcode ${opcode}`, PROTOCOL_ERROR, frame(opcode, BYTE)]),
  ['a continuation of nothing', PROTOCOL_ERROR, frame(CONTINUATION, BYTE)],
  ['a message within a message', PROTOCOL_ERROR,
    Buffer.concat([frame(BINARY, NOTHING, { fin: false }), frame(BINARY, BYTE)])],
  ['a ping in fragments', PROTOCOL_ERROR, frame(PING, BYTE, { fin: false })],
  ['a ping of 126 bytes', PROTOCOL_ERROR, frame(PING, Buffer.alloc(126))],
  ['a close frame of 126 bytes', PROTOCOL_ERROR, frame(CLOSE, Buffer.alloc(126))],
  ['two bytes of length for 5', PROTOCOL_ERROR, frame(BINARY, Buffer.from('hello'), { form: 2 })],
  ['eight bytes of length for 5', PROTOCOL_ERROR, frame(BINARY, Buffer.from('hello'), { form: 8 })],
  ['eight bytes of length for 65535', PROTOCOL_ERROR, frame(BINARY, Buffer.alloc(65535), { form: 8 })],
  ['a length of 64 bits', PROTOCOL_ERROR,
    frame(BINARY, BYTE, { form: 8, declared: 0xffffffffffffffffn })],
];

for (const protocol of PROTOCOLS) {
  for (const [name, answer, bytes] of refused) {
    test(`${protocol.name}: ${name} is refused`, async (t) => {
      const frames = await begun(t, protocol);
      frames.peer.write(bytes);
      await frames.endsWith(answer);
    });
  }

  test(`${protocol.name}: a frame that claims to be huge is read as it comes`, async (t) => {
    const frames = await begun(t, protocol);
    frames.send(BINARY, protocol.work(DEVICE, 200), { form: 8, declared: 0x7fffffffffffffffn });
    await protocol.expectWork(frames);
  });

  test(`${protocol.name}: bytes that are none of it end in a close frame`, async (t) => {
    const frames = await upgraded(t, protocol);
    frames.send(BINARY, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    if (protocol === amqp) {
      assert.deepEqual(await frames.payload(8), AMQP_HEADER); // which it speaks (section 2.2)
    }
    await frames.endsWith(closing(1000));
  });
}

/* ---- the end ---- */

/* How each client closes, and what it has to see then. */
const closings = [
  ['Node.js (ws), C# and Go', closing(1000), closing(1000)],
  ['Node.js (ws) without a status', NOTHING, NOTHING],
  ['Python (paho), unmasked', closing(1000), closing(1000), { masked: false }],
  ['Java (paho) with a status of digits', Buffer.from('1000'), NOTHING],
  ['a client that goes away', closing(1001, 'bye'), closing(1001)],
  ['a status of its own', closing(4999), closing(4999)],
  ['a status that may not be sent', closing(1005), NOTHING],
  ['a status that nobody has defined', closing(999), NOTHING],
  ['half a status', Buffer.of(3), NOTHING],
];

for (const protocol of PROTOCOLS) {
  for (const [name, payload, answer, options] of closings) {
    test(`${protocol.name}: the close of ${name} is answered, and the connection ended`, async (t) => {
      const frames = await begun(t, protocol);
      frames.send(CLOSE, payload, options);
      await frames.endsWith(answer);
    });
  }

  test(`${protocol.name}: a close before the first byte is answered too`, async (t) => {
    const frames = await upgraded(t, protocol);
    frames.send(CLOSE, closing(1000));
    await frames.endsWith(closing(1000));
  });

  test(`${protocol.name}: nothing counts that comes behind a close`, async (t) => {
    const frames = await begun(t, protocol);
    frames.peer.write(Buffer.concat([frame(CLOSE, closing(1000)), frame(BINARY, protocol.work(DEVICE, 200))]));
    await frames.endsWith(closing(1000));
  });
}

async function connectionOf(deviceId) {
  return eventually(async () => (await hub.ask('GET', '/control/v1/connections')).items
    .find((item) => item.identity === deviceId), `the connection of ${deviceId}`);
}

test('the hub ends with close 1000, and does not wait for the answer', async (t) => {
  const frames = await begun(t, mqtt, 'reader');
  const { id } = await connectionOf('reader');
  await hub.ask('DELETE', `/control/v1/connections/${id}?how=close`);
  await frames.endsWith(closing(1000), 5000);
});

test('what a client sends while the hub closes is dropped', async (t) => {
  const frames = await begun(t, mqtt);
  frames.send(BINARY, MQTT_DISCONNECT);
  assert.deepEqual(await frames.next(), { opcode: CLOSE, payload: closing(1000) });
  frames.send(BINARY, mqtt.work(DEVICE, 200));
  frames.send(PING, BYTE);
  frames.send(CLOSE, closing(1000));
  assert.equal((await frames.peer.readToEnd()).length, 0);
});

test('a reset has no close frame', async (t) => {
  const frames = await begun(t, mqtt, 'reader');
  const { id } = await connectionOf('reader');
  await hub.ask('DELETE', `/control/v1/connections/${id}?how=reset`);
  assert.equal((await frames.peer.readToEnd()).length, 0);
  await eventually(() => frames.peer.failure, 'the reset');
  assert.equal(frames.peer.failure.code, 'ECONNRESET');
});

test('AMQP says close before WebSocket does', async (t) => {
  const frames = await begun(t, amqp);
  frames.send(BINARY, amqp.work(DEVICE, 200));
  await amqp.expectWork(frames);
  await frames.endsWith(closing(1000));
});

/* ---- what the hub sends ---- */

/* Delivers a message and gives the size of the frame it came in. */
async function deliver(frames, body) {
  await hub.ask('POST', '/control/v1/devices/reader/messages', { body });
  const { opcode, payload } = await frames.next();
  assert.equal(opcode, BINARY);
  assert.equal(payload[0] >> 4, 3, 'a PUBLISH');
  assert.ok(payload.toString('latin1').endsWith(body), 'whole');
  return payload.length;
}

test('each packet is one frame, its length in the shortest form', async (t) => {
  const frames = await begun(t, mqtt, 'reader');
  const filter = 'devices/reader/messages/devicebound/#';
  frames.send(BINARY, mqttPacket(0x82, Buffer.of(0, 1), mqttText(filter), Buffer.of(0)));
  assert.deepEqual(await frames.payload(5), Buffer.of(0x90, 3, 0, 1, 0));
  // The lengths of MQTT and of WebSocket change their form elsewhere: so the size is approached.
  const small = await deliver(frames, 'x'.repeat(10));
  const large = await deliver(frames, 'x'.repeat(64000));
  const overhead = large - 64000;
  assert.ok(small < 65535 && overhead < 1000);
  for (const wanted of [65534, 65535, 65536, 65537]) {
    assert.equal(await deliver(frames, 'x'.repeat(wanted - overhead)), wanted);
  }
});
