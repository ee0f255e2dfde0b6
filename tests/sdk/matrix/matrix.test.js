/*
 * The matrix: each transport of the device SDK × each credential × each transport of the service
 * SDK × each case. matrix.json says which cells must run, and why the others do not.
 */
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const test = require('node:test');

const { Hub, eventually } = require('../node/harness');
const { Feedback, Service, ServiceAmqp, ServiceAmqpWs, ServiceClient, message } = require('../node/clients');
const { Certificates } = require('./certificates');
const { AnyDevice, PROTOCOLS, protocolsOf, register, registryOf } = require('./devices');
const { cellsOf, load, missing, nameOf, table } = require('./plan');

const SERVICE_TRANSPORTS = { Amqp: ServiceAmqp, AmqpWs: ServiceAmqpWs };
const COLUMNS_AT_ONCE = 6;
const MESSAGE_MAX = 65536;
const RESERVED = ' !"#$%&\'()*+,/:;<=>?@[\\]^`{|}~';
const RESERVED_IN_HEADER_NAME = '!#$%&\'*+.^_`|~';
const UNICODE = 'Größe 世界 🌍';

const plan = load();
const results = new Map();
const certificates = new Certificates();
let hub;
let services;
let feedbacks;

test.before(async () => {
  hub = await Hub.start({
    address: '127.0.50.1',
    options: ['--mqtts-port', '8883', '--device-ca', certificates.authority('authority')],
  });
  services = {};
  for (const name of plan.dimensions.service) {
    services[name] = await Service.of(
      ServiceClient.fromConnectionString(hub.serviceConnectionString('service'), SERVICE_TRANSPORTS[name]));
  }
  assert.deepEqual((await protocolsOf(hub, 'service')).sort(), plan.dimensions.service.map((name) => PROTOCOLS[name]));
  feedbacks = await Promise.all(Object.values(services).map((service) => Feedback.of(service, hub)));
});

test.after(async () => {
  await AnyDevice.closeAll();
  await Promise.all(Object.values(services).map((service) => service.close()));
  await hub.stop();
  certificates.remove();
});

/* What became of the message, as the service is told. Two receivers of feedback share it. */
function outcome(messageId) {
  return eventually(async () => {
    const found = feedbacks.flatMap((feedback) => feedback.records)
      .find((record) => record.originalMessageId === messageId);
    if (!found) {
      await hub.flushFeedback();
    }
    return found?.statusCode;
  }, `feedback about ${messageId}`);
}

/* One device, its service, and the client that it is connected by just now. */
class Column {
  constructor(row) {
    this.row = row;
    this.service = services[row.service];
    this.deviceId = nameOf(row).replaceAll(' ', '-');
    this.credential = { authentication: row.authentication };
    if (row.authentication === 'thumbprint') {
      Object.assign(this.credential, certificates.selfSigned('any name'));
    } else if (row.authentication === 'ca') {
      Object.assign(this.credential, certificates.signedBy('authority', this.deviceId));
    }
  }

  async device() {
    if (!this.connected) {
      this.connected = await AnyDevice.connect(hub, this.row.transport, this.deviceId, this.credential);
      assert.ok(!this.connected.hasEnded());
      await eventually(async () => (await protocolsOf(hub, this.deviceId)).length > 0, 'the connection');
      assert.deepEqual(new Set(await protocolsOf(hub, this.deviceId)), new Set([PROTOCOLS[this.row.transport]]));
    }
    return this.connected;
  }

  async disconnect() {
    const device = this.connected;
    this.connected = null;
    await device?.close();
  }

  /* Sends a message of an id of its own. Gives the id. */
  async send(body, properties = {}) {
    const messageId = crypto.randomUUID();
    await this.service.send(this.deviceId, message(body, { messageId, ack: 'full' }, properties));
    return messageId;
  }

  /* The next message, which has to be that one. */
  async receive(messageId) {
    const received = await (await this.device()).next();
    assert.equal(received.messageId, messageId);
    return received;
  }

  async completes(messageId, received) {
    await (await this.device()).complete(received);
    assert.equal(await outcome(messageId), 'Success');
  }

  /* A message makes its way with this body and these properties. */
  async carries(body, properties = {}) {
    const device = await this.device();
    const messageId = await this.send(body, properties);
    const received = await this.receive(messageId);
    assert.deepEqual(Buffer.from(received.getBytes()), body);
    assert.deepEqual(device.properties(received), properties);
    await this.completes(messageId, received);
  }

  /* After a failure: without leftovers for the next case. */
  async clear() {
    await this.disconnect().catch(() => {});
    await hub.ask('DELETE', `/control/v1/devices/${this.deviceId}/messages`);
  }
}

const cases = {
  async complete(column) {
    await column.device();
    const messageId = await column.send('to be completed');
    const received = await column.receive(messageId);
    assert.equal(received.getData().toString(), 'to be completed');
    await column.completes(messageId, received);
  },

  async reject(column) {
    const device = await column.device();
    const messageId = await column.send('to be rejected');
    await device.reject(await column.receive(messageId));
    assert.equal(await outcome(messageId), 'Rejected');
  },

  async abandon(column) {
    const device = await column.device();
    const messageId = await column.send('to be abandoned');
    await device.abandon(await column.receive(messageId));
    await column.completes(messageId, await column.receive(messageId));
  },

  async reconnect(column) {
    await column.device(); // an MQTT subscription is older than its messages
    await column.disconnect();
    const messageId = await column.send('waits');
    await column.completes(messageId, await column.receive(messageId));
  },

  /* The SDK reads an HTTPS body as text. */
  async large(column) {
    const overhead = crypto.randomUUID().length + 'iothub-ack'.length + 'full'.length;
    const random = crypto.randomBytes(MESSAGE_MAX - overhead);
    await column.carries(column.row.transport === 'Http'
      ? Buffer.from(random.toString('base64').slice(0, random.length)) : random);
  },

  empty(column) {
    return column.carries(Buffer.alloc(0));
  },

  /* Over HTTPS only what may stand in a header, and names in lower case: the SDK makes them so. */
  reserved(column) {
    const inNames = column.row.transport === 'Http' ? RESERVED_IN_HEADER_NAME : RESERVED;
    return column.carries(Buffer.from('reserved'), {
      [`name${inNames}`]: `value${RESERVED}`, percent: '%20%2F+', empty: '', 'a-b': 'c=d&e',
    });
  },

  unicodeValues(column) {
    return column.carries(Buffer.from(UNICODE), { place: UNICODE, accent: 'e\u0301' });
  },

  unicodeNames(column) {
    return column.carries(Buffer.from('names'), { [UNICODE]: 'value', zebra: '1', [`ß/${UNICODE}`]: UNICODE });
  },
};

async function runCell(t, column, name) {
  await t.test(name, async () => {
    const cell = nameOf({ ...column.row, case: name });
    results.set(cell, 'FAILED');
    try {
      await cases[name](column);
      results.set(cell, 'ok');
    } catch (error) {
      await column.clear();
      throw error;
    }
  });
}

test('matrix.json names each cell once, and gives a reason for each it leaves out', () => {
  assert.deepEqual(plan.faults, []);
});

test('the matrix', { concurrency: COLUMNS_AT_ONCE }, async (t) => {
  const { case: names, ...rows } = plan.dimensions;
  const demanded = new Set(plan.demanded.map(nameOf));
  const registry = registryOf(hub);
  await Promise.all(cellsOf(rows).map((row) => t.test(nameOf(row), async (ofColumn) => {
    const column = new Column(row);
    await register(hub, column.deviceId, column.credential, registry);
    for (const name of names.filter((one) => demanded.has(nameOf({ ...row, case: one })))) {
      await runCell(ofColumn, column, name);
    }
    await column.disconnect();
  })));
});

test('over MQTT the SDK neither rejects nor abandons, and has completed by itself', async () => {
  for (const transport of ['Mqtt', 'MqttWs']) {
    const column = new Column({ transport, authentication: 'key', service: 'Amqp', of: 'left-out' });
    await register(hub, column.deviceId, column.credential);
    const device = await column.device();
    const messageId = await column.send('x');
    const received = await column.receive(messageId);
    for (const settle of ['reject', 'abandon']) {
      await assert.rejects(async () => device[settle](received), { name: 'NotImplementedError' });
    }
    assert.equal(await outcome(messageId), 'Success');
    await column.disconnect();
  }
});

test('over HTTPS a message arrives whose property names no header can have', async () => {
  const column = new Column({ transport: 'Http', authentication: 'key', service: 'Amqp', of: 'left-out' });
  await register(hub, column.deviceId, column.credential);
  const device = await column.device();
  const messageId = await column.send('x', { 'ö (1)': 'value', plain: UNICODE });
  const received = await column.receive(messageId);
  assert.deepEqual(device.properties(received), { '____1_': 'value', plain: UNICODE });
  await column.completes(messageId, received);
  await column.disconnect();
});

test('every cell that matrix.json demands has run and passed', () => {
  console.log(table(plan, results));
  assert.deepEqual(missing(plan, results), []);
});
