/*
 * A back end that switches lamps, and learns from feedback what became of each command. As a program it
 * sends one command and says how it ended:
 *
 *     SERVICE_CONNECTION_STRING='HostName=…;SharedAccessKeyName=service;SharedAccessKey=…' \
 *         node backend.js lamp on
 */
'use strict';

const { randomUUID } = require('node:crypto');
const { Client } = require('azure-iothub');
const { Message } = require('azure-iot-common');

class Backend {
  static async connect(connectionString) {
    const backend = new Backend(Client.fromConnectionString(connectionString));
    await backend.client.open();
    const { result: receiver } = await backend.client.getFeedbackReceiver();
    receiver.on('message', (batch) => backend.note(JSON.parse(batch.getData().toString())));
    return backend;
  }

  constructor(client) {
    this.client = client;
    this.pending = new Map(); // message id → the promise of its outcome, and what keeps it
  }

  /* Sends a command to a device, which need not be connected. Gives the message's id. */
  async send(deviceId, command) {
    const message = new Message(command);
    message.messageId = randomUUID();
    message.ack = 'full';
    const pending = {};
    pending.outcome = new Promise((resolve) => { pending.keep = resolve; });
    this.pending.set(message.messageId, pending);
    await this.client.send(deviceId, message);
    return message.messageId;
  }

  /* 'Success', 'Rejected', 'Expired', 'DeliveryCountExceeded' or 'Purged'. */
  async outcome(messageId) {
    const outcome = await this.pending.get(messageId).outcome;
    this.pending.delete(messageId);
    return outcome;
  }

  /* Other back ends of the same hub get feedback about their messages from here too. */
  note(records) {
    for (const { originalMessageId, statusCode } of records) {
      this.pending.get(originalMessageId)?.keep(statusCode);
    }
  }

  close() {
    return this.client.close();
  }
}

module.exports = { Backend };

async function main([deviceId, command]) {
  const backend = await Backend.connect(process.env.SERVICE_CONNECTION_STRING);
  const id = await backend.send(deviceId, command);
  console.log(`backend: sent ${command} to ${deviceId}`);
  console.log(`backend: ${await backend.outcome(id)}`);
  await backend.close();
}

if (require.main === module) {
  main(process.argv.slice(2));
}
