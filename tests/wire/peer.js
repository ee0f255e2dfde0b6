/*
 * A client that is nothing but bytes: a TLS or TCP connection that is written to as it stands, and
 * read by count.
 */
'use strict';

const net = require('node:net');
const tls = require('node:tls');

const { deadline } = require('../sdk/node/harness');

class Peer {
  /* Over TLS, whoever signed the certificate: who trusts whom is no matter of this folder. */
  static async overTls(host, port) {
    const socket = tls.connect({ host, port, rejectUnauthorized: false });
    const peer = new Peer(socket);
    await peer.once('secureConnect');
    return peer;
  }

  static async overTcp(host, port) {
    const peer = new Peer(net.connect({ host, port }));
    await peer.once('connect');
    return peer;
  }

  constructor(socket) {
    this.socket = socket;
    this.input = Buffer.alloc(0);
    this.hasEnded = false;
    this.endedAt = 0; // milliseconds, as performance.now()
    this.failure = null; // the connection was reset
    this.look = () => {};
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      this.input = Buffer.concat([this.input, data]);
      this.look();
    });
    socket.on('error', (error) => {
      this.failure = error;
    });
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.hasEnded = true;
        this.endedAt ||= performance.now();
        this.look();
      });
    }
  }

  once(event) {
    return deadline(new Promise((resolve, reject) => {
      this.socket.once(event, resolve);
      this.socket.once('error', reject);
    }), event);
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  /* Each byte in a record of its own. */
  async writeBytewise(bytes) {
    for (const byte of bytes) {
      await new Promise((resolve) => this.socket.write(Buffer.of(byte), resolve));
    }
  }

  /* What `probe` makes of the input, as soon as it makes something of it. */
  take(probe, what, ms) {
    return deadline(new Promise((resolve, reject) => {
      this.look = () => {
        const taken = probe(this.input);
        if (taken) {
          this.input = this.input.subarray(taken.length);
          resolve(taken);
        } else if (this.hasEnded) {
          reject(new Error(`the hub ended the connection before ${what}: ${this.input.toString('latin1')}`));
        }
      };
      this.look();
    }), what, ms).finally(() => {
      this.look = () => {};
    });
  }

  read(count, what = `${count} bytes`) {
    return this.take((input) => (input.length >= count ? input.subarray(0, count) : null), what);
  }

  async readLine() {
    const line = await this.take((input) => {
      const at = input.indexOf('\r\n');
      return at < 0 ? null : input.subarray(0, at + 2);
    }, 'a line');
    return line.toString('latin1').slice(0, -2);
  }

  /* A response's head, and its body if it says how long it is. */
  async readResponse() {
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(await this.readLine());
    const headers = [];
    for (let line = await this.readLine(); line !== ''; line = await this.readLine()) {
      headers.push(line);
    }
    const length = headers.map((line) => /^content-length: (\d+)$/i.exec(line)).find(Boolean);
    const body = length ? (await this.read(Number(length[1]))).toString() : '';
    return { status: Number(status), headers, body };
  }

  /* What came before the hub's end. */
  async readToEnd(ms) {
    if (!this.hasEnded) {
      await deadline(new Promise((resolve) => {
        this.look = () => this.hasEnded && resolve();
      }), 'the hub to end the connection', ms);
    }
    return this.input;
  }

  destroy() {
    this.socket.destroy();
  }
}

module.exports = { Peer };
