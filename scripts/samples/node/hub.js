/*
 * A hub for a test file: started in milliseconds, in memory, gone with the test. Its settings are
 * environment variables (DEVICEBOUND_…); npm test sets those that matter.
 */
'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { createInterface } = require('node:readline');

class Hub {
  /* Returns when clients may come: the hub says so in its first line. */
  static async start() {
    const child = spawn(process.env.DEVICEBOUND || 'devicebound', ['--in-memory', '--control-port', '0'],
      { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value: line } = await lines.next();
    const [, port, hostName] = /^devicebound ready .*control=(\d+) hostname=(\S+)$/.exec(line || '')
      || [];
    if (!port) {
      throw new Error('the hub did not start; it has said why');
    }
    return new Hub(child, `http://${hostName}:${port}`);
  }

  constructor(child, url) {
    this.child = child;
    this.url = url;
  }

  async stop() {
    this.child.kill();
    await once(this.child, 'exit');
  }

  /* Asks the control API. Gives the answer, decoded. */
  async ask(method, path, body) {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    }
    return response.status === 204 ? null : response.json();
  }

  async serviceConnectionString() {
    const { policies } = await this.ask('GET', '/control/v1/hub');
    return policies.find(({ name }) => name === 'service').connectionString;
  }

  /* A device of that id, new if there is none. Gives its connection string. */
  async device(id) {
    return (await this.ask('PUT', `/control/v1/devices/${id}`, {})).connectionString;
  }

  /* Takes the next message as a device that then says nothing more. */
  receive(id) {
    return this.ask('POST', `/control/v1/devices/${id}/receive`);
  }

  /* Returns once this has happened, also if it has already: { device, messageId, event }. */
  wait(what) {
    return this.ask('GET', `/control/v1/wait?${new URLSearchParams(what)}`);
  }

  /* Moves the hub's clock. What falls due until then has happened when this returns. */
  advance(by) {
    return this.ask('POST', '/control/v1/clock/advance', { by });
  }

  /* Feedback would come up to 15 seconds after the fact. */
  flushFeedback() {
    return this.ask('POST', '/control/v1/feedback/flush');
  }
}

module.exports = { Hub };
