/*
 * WebSocket by hand (RFC 6455), so that what no library sends can be sent.
 */
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');

const { Peer } = require('./peer');

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='; // and its answer: RFC 6455 section 1.3
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const PATH = '/$iothub/websocket';

/*
 * The head of an upgrade. `headers` replace those of the same name; undefined leaves one out, an
 * array repeats it.
 */
function head(subprotocol, { path = PATH, method = 'GET', version = 'HTTP/1.1', headers = {} } = {}) {
  const all = {
    Host: 'hub.local',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': subprotocol,
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, values]) => [values].flat()
    .filter((value) => value !== undefined).map((value) => `${name}: ${value}\r\n`));
  return `${method} ${path} ${version}\r\n${lines.join('')}\r\n`;
}

/* `form`: how many bytes the length has in the frame, 0, 2 or 8; by itself the shortest. */
function encodeLength(length, isMasked, form) {
  const mask = isMasked ? 0x80 : 0;
  const bytes = Buffer.alloc(1 + form);
  if (form === 0) {
    bytes[0] = mask | length;
  } else if (form === 2) {
    bytes[0] = mask | 126;
    bytes.writeUInt16BE(length, 1);
  } else {
    bytes[0] = mask | 127;
    bytes.writeBigUInt64BE(BigInt(length), 1);
  }
  return bytes;
}

function shortestForm(length) {
  return length < 126 ? 0 : length < 65536 ? 2 : 8;
}

function frame(opcode, payload = Buffer.alloc(0), {
  fin = true, reserved = 0, masked = true, form = shortestForm(payload.length), declared = payload.length,
} = {}) {
  const body = Buffer.from(payload);
  const mask = masked ? crypto.randomBytes(4) : Buffer.alloc(0);
  if (masked) {
    for (let i = 0; i < body.length; i++) {
      body[i] ^= mask[i % 4];
    }
  }
  const first = Buffer.of((fin ? 0x80 : 0) | (reserved << 4) | opcode);
  return Buffer.concat([first, encodeLength(declared, masked, form), mask, body]);
}

/* The payload of a close frame. */
function closing(status, reason = '') {
  const code = Buffer.alloc(2);
  code.writeUInt16BE(status);
  return Buffer.concat([code, Buffer.from(reason)]);
}

/* A peer that has upgraded, or is about to. */
class FramePeer {
  static async connect(hub) {
    return new FramePeer(await Peer.overTls(hub.address, hub.ports.https));
  }

  static async upgraded(hub, subprotocol, options) {
    const frames = await FramePeer.connect(hub);
    frames.peer.write(head(subprotocol, options));
    await frames.readUpgrade(subprotocol);
    return frames;
  }

  constructor(peer) {
    this.peer = peer;
  }

  /* Exactly the answer that the narrowest client accepts. */
  async readUpgrade(subprotocol) {
    const { status, headers } = await this.peer.readResponse();
    assert.equal(status, 101);
    assert.deepEqual(headers, ['Upgrade: websocket', 'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${ACCEPT}`, `Sec-WebSocket-Protocol: ${subprotocol}`]);
  }

  send(...frameArguments) {
    this.peer.write(frame(...frameArguments));
  }

  /* The hub's next frame: whole, unmasked, and with the shortest length. */
  async next() {
    const [first, second] = await this.peer.read(2, 'a frame');
    assert.equal(first & 0xf0, 0x80, 'final, no reserved bit');
    assert.equal(second & 0x80, 0, 'unmasked');
    const form = second === 127 ? 8 : second === 126 ? 2 : 0;
    const extended = form > 0 ? await this.peer.read(form) : null;
    const length = form === 0 ? second : form === 2 ? extended.readUInt16BE() : Number(extended.readBigUInt64BE());
    assert.equal(form, shortestForm(length), `the shortest form of ${length}`);
    return { opcode: first & 0x0f, payload: Buffer.from(await this.peer.read(length)) };
  }

  /* The payloads of binary frames until there are `count` bytes. */
  async payload(count) {
    let joined = Buffer.alloc(0);
    while (joined.length < count) {
      const { opcode, payload } = await this.next();
      assert.equal(opcode, BINARY);
      joined = Buffer.concat([joined, payload]);
    }
    return joined;
  }

  /* A close frame with that payload, behind it nothing but the end. */
  async endsWith(payload, ms) {
    const last = await this.next();
    assert.deepEqual(last, { opcode: CLOSE, payload });
    assert.equal((await this.peer.readToEnd(ms)).length, 0);
  }

  destroy() {
    this.peer.destroy();
  }
}

module.exports = {
  CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, PATH, FramePeer, closing, frame, head,
};
