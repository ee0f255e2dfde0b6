/*
 * mosquitto_sub and mosquitto_pub, as plain MQTT clients that know nothing of IoT Hub: what a user's own
 * client meets.
 */
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');
const test = require('node:test');

const { Hub, Mailbag, deadline, keyOf, sasToken } = require('../sdk/node/harness');

const DEVICES = ['qos1', 'qos0', 'qos2', 'clean', 'stored', 'telemetry', 'guarded', 'disabled', 'will',
  'policy', 'versions', 'bag', 'large'];
const CONNECTION_REFUSED = 5; // exit code of both programs: CONNACK 5, "not authorised"
let hub;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.60.20', freePorts: true, devices: DEVICES });
});

test.after(() => hub.stop());

const inbox = (device) => `devices/${device}/messages/devicebound/#`;
const events = (device, bag = '') => `devices/${device}/messages/events/${bag}`;

/* The journal's entries, once there are `count` that fit. */
async function journal(query, count = 1) {
  const fields = new URLSearchParams({ count: String(count), timeout: 'PT15S', ...query });
  return (await hub.ask('GET', `/control/v1/wait?${fields}`)).entries;
}

function send(device, fields) {
  return hub.ask('POST', `/control/v1/devices/${device}/messages`, fields);
}

async function queue(device) {
  return (await hub.ask('GET', `/control/v1/devices/${device}`)).queue;
}

/* One run of a program of mosquitto's: its lines, its exit code. */
class Run {
  constructor(program, device, options, login = {}) {
    const user = login.user ?? `${hub.address}/${device}/?api-version=2021-04-12`;
    const password = login.password ?? hub.deviceToken(device);
    this.lines = new Mailbag(`a line of ${program}`);
    this.text = '';
    this.process = spawn(program, ['-h', hub.address, '-p', String(hub.ports.mqtts),
      '--cafile', path.join(hub.directory, 'ca.pem'), '-V', 'mqttv311', '-i', device,
      '-u', user, '-P', password, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.process.stderr.on('data', (data) => { this.text += data; });
    readline.createInterface({ input: this.process.stdout }).on('line', (line) => this.lines.put(line));
    this.exited = new Promise((resolve) => this.process.once('close', resolve));
  }

  code() {
    return deadline(this.exited, 'mosquitto to end');
  }

  /* Without a farewell: what mosquitto does on SIGTERM can deadlock while a packet arrives. */
  async kill() {
    this.process.kill('SIGKILL');
    await this.code();
  }

  /* The next message as an object of topic, qos, retain, mid, payload. */
  async message() {
    return JSON.parse(await this.lines.take());
  }
}

/* Subscribed once this returns. */
async function subscribe(device, options = [], login = {}) {
  const run = new Run('mosquitto_sub', device, ['-F', '%j', '-t', inbox(device), ...options], login);
  await journal({ event: 'subscribed', device });
  return run;
}

function publish(device, topic, options = [], login = {}) {
  return new Run('mosquitto_pub', device, ['-t', topic, '-m', '21.5', ...options], login).code();
}

test('QoS 1: topic, QoS and RETAIN are as IoT Hub writes them, and the PUBACK completes', async () => {
  const run = await subscribe('qos1', ['-q', '1']);
  await send('qos1', { messageId: 'm-1', body: 'hello', properties: { colour: 'red' } });
  const message = await run.message();
  assert.equal(message.topic, 'devices/qos1/messages/devicebound/'
    + '%24.mid=m-1&%24.to=%2Fdevices%2Fqos1%2Fmessages%2Fdevicebound&colour=red');
  assert.deepEqual([message.qos, message.retain, message.payload], [1, 0, 'hello']);
  const [done] = await journal({ event: 'completed', device: 'qos1' });
  assert.equal(done.protocol, 'mqtt');
  assert.deepEqual(await queue('qos1'), { enqueued: 0, invisible: 0 });
  await run.kill();
});

test('QoS 0: the message is completed once it is written', async () => {
  const run = await subscribe('qos0', ['-q', '0']);
  await send('qos0', { body: 'hello' });
  const message = await run.message();
  assert.deepEqual([message.qos, message.retain, message.payload], [0, 0, 'hello']);
  await journal({ event: 'completed', device: 'qos0' });
  await run.kill();
});

test('QoS 2 is granted as QoS 1', async () => {
  const run = await subscribe('qos2', ['-q', '2']);
  await send('qos2', { body: 'hello' });
  assert.equal((await run.message()).qos, 1);
  await run.kill();
});

test('every property of a message stands in the topic, in IoT Hub\'s order', async () => {
  const run = await subscribe('bag', ['-q', '1']);
  await send('bag', {
    body: '', messageId: 'MessageIdForE2E*7', correlationId: 'corr#1', userId: 'svc 1', ack: 'full',
    contentType: 'application/json', contentEncoding: 'utf-8', expiryTime: '3000-01-01T00:00:00Z',
    properties: { '&ey1': '=al1', 'K/y2': 'V@l2', 'é ~': 'a+b', empty: '' },
  });
  assert.equal((await run.message()).topic, 'devices/bag/messages/devicebound/'
    + '%24.exp=3000-01-01T00%3A00%3A00.0000000Z&%24.cid=corr%231&%24.mid=MessageIdForE2E%2A7'
    + '&%24.to=%2Fdevices%2Fbag%2Fmessages%2Fdevicebound&%24.uid=svc%201&%24.ct=application%2Fjson'
    + '&%24.ce=utf-8&iothub-ack=full&%26ey1=%3Dal1&K%2Fy2=V%40l2&%C3%A9%20~=a%2Bb&empty=');
  await run.kill();
});

test('64 KB arrive whole', async () => {
  const run = await subscribe('large', ['-q', '1']);
  const body = '0123456789abcdef'.repeat(4000);
  await send('large', { body });
  assert.equal((await run.message()).payload, body);
  await run.kill();
});

test('a clean session rejects what was sent before it', async () => {
  await send('clean', { body: 'before', messageId: 'before' });
  await hub.advance('PT1S');
  const run = await subscribe('clean', ['-q', '1']);
  await journal({ event: 'rejected', messageId: 'before' });
  await send('clean', { body: 'after' });
  assert.equal((await run.message()).payload, 'after');
  await run.kill();
});

test('a stored session is sent what came while it was away, in order', async () => {
  const options = ['-q', '1', '--disable-clean-session'];
  assert.equal(await (await subscribe('stored', [...options, '-E'])).code(), 0); // leaves with the SUBACK
  for (const body of ['one', 'two', 'three']) {
    await send('stored', { body });
  }
  const again = await subscribe('stored', options);
  const received = [await again.message(), await again.message(), await again.message()];
  assert.deepEqual(received.map((message) => message.payload), ['one', 'two', 'three']);
  await journal({ event: 'completed', device: 'stored' }, 3);
  await again.kill();
});

test('telemetry is acknowledged: QoS 0 and 1, with and without a bag, retained or empty', async () => {
  const topics = [events('telemetry'), 'devices/telemetry/messages/events',
    events('telemetry', '%24.mid=t-1&%24.ct=application%2Fjson&colour=red'),
    events('telemetry', '$.mid=t-2/')];
  for (const topic of topics) {
    assert.equal(await publish('telemetry', topic, ['-q', '1']), 0, topic);
  }
  assert.equal(await publish('telemetry', events('telemetry'), ['-q', '0']), 0);
  assert.equal(await publish('telemetry', events('telemetry'), ['-q', '1', '--retain']), 0);
  const entries = await journal({ event: 'telemetry', device: 'telemetry' }, 6);
  assert.deepEqual(entries.map((entry) => entry.messageId).filter(Boolean), ['t-1', 't-2']);
});

test('a key of a policy with DeviceConnect opens a device', async () => {
  for (const [policy, code] of [['device', 0], ['service', CONNECTION_REFUSED]]) {
    const password = hub.serviceToken(3600, policy);
    assert.equal(await publish('policy', events('policy'), ['-q', '1'], { password }), code, policy);
  }
});

test('every documented form of the user name opens the device', async () => {
  for (const end of ['', '/', '/?api-version=2021-04-12', '/api-version=2016-11-14',
    '/?api-version=2018-06-30&DeviceClientType=plain%20client']) {
    assert.equal(await publish('telemetry', events('telemetry'), ['-q', '1'],
      { user: `${hub.address}/telemetry${end}` }), 0, end);
  }
});

test('a wrong user name is refused with CONNACK 5', async () => {
  for (const user of [`${hub.address}/qos0/?api-version=2021-04-12`, `${hub.address}/Guarded/`, 'guarded', '/']) {
    assert.equal(await publish('guarded', events('guarded'), ['-q', '1'], { user }), CONNECTION_REFUSED, user);
  }
});

test('a wrong password is refused with CONNACK 5', async () => {
  const token = (host, key) => sasToken(encodeURIComponent(`${host}/devices/guarded`), keyOf(key), 3600);
  for (const password of ['none', hub.deviceToken('qos0'), hub.deviceToken('guarded', -3600),
    token(hub.address, 'none'), token('other.hub', 'guarded')]) {
    assert.equal(await publish('guarded', events('guarded'), ['-q', '1'], { password }), CONNECTION_REFUSED, password);
  }
  await journal({ event: 'authenticationFailed', device: 'guarded' }, 5);
});

test('an unknown device is refused with CONNACK 5, a disabled one with 3', async () => {
  assert.equal(await publish('nobody', events('nobody'), ['-q', '1']), CONNECTION_REFUSED);
  await hub.ask('PUT', '/control/v1/devices/disabled', { status: 'disabled' });
  const run = new Run('mosquitto_pub', 'disabled', ['-t', events('disabled'), '-m', 'x']);
  assert.equal(await run.code(), 3, run.text);
  assert.match(run.text, /server unavailable|broker unavailable/);
});

test('other versions of MQTT are refused with CONNACK 1', async () => {
  for (const version of ['mqttv31', 'mqttv5']) {
    const run = new Run('mosquitto_pub', 'versions', ['-t', events('versions'), '-m', 'x', '-V', version]);
    assert.notEqual(await run.code(), 0);
    assert.match(run.text, /unacceptable protocol version|Unsupported protocol version/i, version);
  }
});

/* The reason that the journal gives for the end of the connection that did this. */
async function reasonOfTheEnd(device, program, options) {
  const before = (await hub.ask('GET', '/control/v1/journal?limit=1000')).items.at(-1).id;
  const run = new Run(program, device, options);
  const [end] = await journal({ event: 'disconnected', device, after: before });
  await run.kill(); // it would connect again
  return end.reason;
}

test('publishing where a device may not closes the connection', async () => {
  for (const [topic, ...options] of [['devices/qos1/messages/events/'], ['anything'], [inbox('guarded').slice(0, -1)],
    ['devices/guarded/messages/events/?raw'], ['$iothub/twin/PATCH/properties/desired/'],
    [events('guarded'), '-q', '2']]) {
    const reason = await reasonOfTheEnd('guarded', 'mosquitto_pub', ['-t', topic, '-m', 'x', '-q', '1', ...options]);
    assert.ok(reason && reason !== 'DISCONNECT' && reason !== 'connection lost', `${topic}: ${reason}`);
  }
  assert.equal((await hub.ask('GET', '/control/v1/journal?event=telemetry&device=guarded')).items.length, 0);
});

test('subscribing where a device may not closes the connection', async () => {
  for (const filter of ['#', '$SYS/#', inbox('qos1'), 'devices/+/messages/devicebound/#',
    'devices/guarded/messages/events/#']) {
    const reason = await reasonOfTheEnd('guarded', 'mosquitto_sub', ['-t', filter, '-q', '1']);
    assert.ok(reason && reason !== 'DISCONNECT' && reason !== 'connection lost', `${filter}: ${reason}`);
  }
  assert.equal((await hub.ask('GET', '/control/v1/journal?event=subscribed&device=guarded')).items.length, 0);
});

test('the will of a client that vanishes becomes telemetry, that of one that leaves does not', async () => {
  const options = ['--will-topic', events('will', '%24.mid=last-will'), '--will-payload', 'gone', '--will-qos', '1'];
  assert.equal(await (await subscribe('will', [...options, '-E'])).code(), 0); // leaves with the SUBACK
  const killed = new Run('mosquitto_sub', 'will', ['-t', inbox('will'), ...options]);
  await journal({ event: 'subscribed', device: 'will' }, 2);
  await killed.kill();
  const entries = await journal({ event: 'telemetry', device: 'will' });
  assert.deepEqual(entries.map((entry) => entry.messageId), ['last-will']);
});
