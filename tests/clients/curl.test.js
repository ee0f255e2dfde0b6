/*
 * curl as a device over HTTPS: each answer whole, header by header, as it is on the wire.
 *
 * What IoT Hub's REST has to do is tested twice: by rule inside the program (tests/protocols/https, named
 * below), and here from outside, through TLS and the built program, for what devices ask.
 *
 *     an empty queue, or all locked: 204     here; device_test: an_empty_queue_gives_204_and_nothing_else,
 *                                            each_get_gives_the_next_message_until_all_are_locked
 *     every header of a message, its spelling  here; device_test: the_head_of_a_message_is_exactly_so
 *     settled once, then 412 in layout 1     here; device_test: a_settlement_is_good_once
 *     every form of reject and abandon       here; device_test: every_form_of_reject_dead_letters,
 *                                            abandon_takes_every_odd_form
 *     case, encoded ids, slash at the end    here; registry_test: ids_of_every_allowed_character_are_found
 *     an id not escaped in a purge           registry_test: a_purge_finds_an_id_that_was_not_escaped
 *     no api-version: 400                    here; registry_test: the_api_version_has_to_be_a_known_one
 *     lock time by header and query          device_test: a_lock_time_that_is_asked_for_is_ignored,
 *                                            a_lock_time_is_honoured_if_so_set
 *     PUT and DELETE by If-Match             registry_test: a_put_without_if_match_creates_once,
 *                                            a_put_with_if_match_updates, a_delete_needs_if_match
 *     an update without keys makes new ones  registry_test: an_update_without_keys_makes_new_ones
 *     bulk of 100, of 101, with a bad item   registry_test: a_bulk_of_a_hundred_is_done_and_one_more_refused,
 *                                            the_items_of_a_bulk_are_independent
 *     purge of none and many, no device      registry_test: a_purge_tells_how_many_messages_ended
 *     unset system properties: empty headers  here; device_test: properties_that_are_unset_arrive_empty
 *     pages of a query                       by nothing: there are no queries
 *     bad token 401, no device 404           here; device_test: a_bad_token_is_401_and_no_device_404
 *     iothub-errorcode matches the body      here and there, in each refusal
 *     CR LF in a message's property          device_test: a_property_value_cannot_split_the_head
 */
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');

const { Hub, keyOf, sasToken } = require('../sdk/node/harness');

const VERSION = 'api-version=2021-04-12';
const TOKEN = /^"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"$/;
const ODD = "a+b%c#d?e'f(g)";
const DEVICES = ['empty', 'full', 'bare', 'settle', 'reject', 'abandon', 'stale', 'two', 'other', 'events', 'guarded',
  'disabled', 'alive', ODD];
let hub;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.60.21', freePorts: true, devices: DEVICES });
});

test.after(() => hub.stop());

/* Runs curl with `options` on each route in turn. Gives the answers, and how many connections they took: status
 * line, headers in order as spelt, body. */
async function curl(options, ...routes) {
  const child = spawn('curl', ['--silent', '--show-error', '--include', '--http1.1', '--max-time', '15',
    '--write-out', '%{stderr}%{num_connects}\n',
    '--cacert', path.join(hub.directory, 'ca.pem'), '--path-as-is', ...options,
    ...routes.map((route) => `https://${hub.address}:${hub.ports.https}${route}`)]);
  const output = [];
  let complaint = '';
  child.stdout.on('data', (data) => output.push(data));
  child.stderr.on('data', (data) => { complaint += data; });
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(code, 0, complaint);
  const connections = complaint.trim().split('\n').reduce((sum, number) => sum + Number(number), 0);
  return { answers: parse(Buffer.concat(output)), connections };
}

function parse(bytes) {
  const answers = [];
  while (bytes.length > 0) {
    const end = bytes.indexOf('\r\n\r\n');
    const [status, ...lines] = bytes.subarray(0, end).toString().split('\r\n');
    const headers = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
    const length = Number(new Map(headers).get('Content-Length'));
    if (!status.includes(' 100 ')) {
      answers.push({ status, headers, get: (name) => new Map(headers).get(name),
        body: bytes.subarray(end + 4, end + 4 + (length || 0)) });
    }
    bytes = bytes.subarray(end + 4 + (length || 0));
  }
  return answers;
}

/* The only answer to a request by that device. */
async function ask(device, method, rest, options = [], token = hub.deviceToken(device)) {
  const route = rest.startsWith('/') ? rest : `/devices/${encodeURIComponent(device)}/messages/${rest}`;
  const { answers } = await curl(['--request', method, '--header', `Authorization: ${token}`, ...options], route);
  assert.equal(answers.length, 1);
  return answers[0];
}

const receive = (device) => ask(device, 'GET', `deviceBound?${VERSION}`);
const settle = (device, method, token, query = '', options = []) =>
  ask(device, method, `deviceBound/${token}?${VERSION}${query}`, options);

async function receiveToken(device) {
  return TOKEN.exec((await receive(device)).get('ETag'))[1];
}

function send(device, fields = { body: 'x' }) {
  return hub.ask('POST', `/control/v1/devices/${encodeURIComponent(device)}/messages`, fields);
}

async function outcome(device, event) {
  const fields = new URLSearchParams({ device, event, timeout: 'PT15S' });
  return (await hub.ask('GET', `/control/v1/wait?${fields}`)).entries[0];
}

/* Just these headers, in any order; a value is a string or a pattern. */
function checkHeaders(answer, expected) {
  const names = answer.headers.map(([name]) => name);
  assert.deepEqual([...names].sort(), Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected)) {
    if (value instanceof RegExp) {
      assert.match(answer.get(name), value, name);
    } else {
      assert.equal(answer.get(name), value, name);
    }
  }
}

const DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
const SERVER = 'Microsoft-HTTPAPI/2.0';
const US_DATE = /^([1-9]|1[0-2])\/([1-9]|[12]\d|3[01])\/\d{4} ([1-9]|1[0-2]):[0-5]\d:[0-5]\d [AP]M$/;
const TRACKING = '[0-9a-f]{32}-G:\\d+-TimeStamp:\\d\\d/\\d\\d/\\d{4} \\d\\d:\\d\\d:\\d\\d';

const NO_CONTENT = { Date: DATE, Server: SERVER, 'Content-Length': '0' };

function checkNoContent(answer) {
  assert.equal(answer.status, 'HTTP/1.1 204 No Content');
  checkHeaders(answer, NO_CONTENT);
  assert.equal(answer.body.length, 0);
}

function checkErrorHead(answer, status, name) {
  assert.equal(answer.status, `HTTP/1.1 ${status}`);
  assert.equal(answer.get('iothub-errorcode'), name);
  assert.equal(answer.get('Content-Type'), 'application/json; charset=utf-8');
  assert.equal(answer.get('Server'), SERVER);
  assert.match(answer.get('Date'), DATE);
  assert.equal(Number(answer.get('Content-Length')), answer.body.length);
  return JSON.parse(answer.body);
}

/* Layout 1: the message is JSON in a string. */
function checkNested(answer, status, name, code, text) {
  const { Message, ExceptionMessage, ...rest } = checkErrorHead(answer, status, name);
  assert.deepEqual([ExceptionMessage, rest], ['', {}]);
  const inner = JSON.parse(Message);
  assert.equal(inner.errorCode, code);
  assert.match(inner.trackingId, new RegExp(`^${TRACKING}$`));
  assert.match(inner.timestampUtc, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
  if (text) {
    assert.equal(inner.message, text);
  }
}

/* Layout 2: "ErrorCode:Name;text". */
function checkFlat(answer, status, name, text = '') {
  const { Message, ExceptionMessage, ...rest } = checkErrorHead(answer, status, name);
  assert.deepEqual(rest, {});
  assert.ok(Message.startsWith(`ErrorCode:${name};${text}`), Message);
  assert.match(ExceptionMessage, new RegExp(`^Tracking ID:${TRACKING}$`));
}

const stale = (answer) =>
  checkNested(answer, '412 Precondition Failed', 'DeviceMessageLockLost', 412002, 'PreconditionFailed');

test('an empty queue gives 204, three headers and no body', async () => {
  checkNoContent(await receive('empty'));
});

test('a message gives 200 with every header as spelt, and its bytes', async () => {
  const body = Buffer.from([0, 1, 13, 10, 13, 10, 255, 254]);
  await send('full', {
    bodyBase64: body.toString('base64'), messageId: 'm-1', correlationId: 'c-1', userId: 'u-1', ack: 'full',
    contentType: 'application/json', contentEncoding: 'utf-8', expiryTime: '3000-12-01T13:05:09Z',
    properties: { Colour: 'red', size: 'très grand' },
  });
  const answer = await receive('full');
  assert.equal(answer.status, 'HTTP/1.1 200 OK');
  checkHeaders(answer, {
    Date: DATE, Server: SERVER, 'Content-Length': String(body.length), 'Content-Type': 'application/json', ETag: TOKEN,
    'iothub-messageid': 'm-1', 'iothub-correlationid': 'c-1', 'iothub-sequencenumber': /^[1-9]\d*$/,
    'iothub-to': '/devices/full/messages/devicebound', 'iothub-userid': 'u-1', 'iothub-ack': 'full',
    'iothub-expiry': '12/1/3000 1:05:09 PM', 'iothub-enqueuedtime': US_DATE, 'iothub-deliverycount': '0',
    ContentType: 'application/json', 'iothub-contenttype': 'application/json', ContentEncoding: 'utf-8',
    'iothub-contentencoding': 'utf-8', 'iothub-app-Colour': 'red', 'iothub-app-size': 'très grand',
  });
  assert.deepEqual(answer.body, body);
});

test('system properties that are unset are empty headers, and there is a content type', async () => {
  await send('bare', { body: '' });
  const answer = await receive('bare');
  checkHeaders(answer, {
    Date: DATE, Server: SERVER, 'Content-Length': '0', 'Content-Type': 'application/octet-stream', ETag: TOKEN,
    'iothub-messageid': '', 'iothub-correlationid': '', 'iothub-sequencenumber': /^[1-9]\d*$/,
    'iothub-to': '/devices/bare/messages/devicebound', 'iothub-userid': '', 'iothub-ack': 'none', 'iothub-expiry': '',
    'iothub-enqueuedtime': US_DATE, 'iothub-deliverycount': '0',
  });
});

test('each GET of one connection gives the next message, then 204 while all are locked', async () => {
  await send('two', { body: 'first' });
  await send('two', { body: 'second' });
  const route = `/devices/two/messages/devicebound?${VERSION}`;
  const { answers, connections } = await curl(
    ['--header', `Authorization: ${hub.deviceToken('two')}`], route, route, route);
  assert.deepEqual(answers.map((answer) => answer.body.toString()), ['first', 'second', '']);
  checkNoContent(answers[2]);
  assert.equal(connections, 1);
});

test('complete gives 204, and 412 in layout 1 when it is repeated', async () => {
  await send('settle');
  const token = await receiveToken('settle');
  checkNoContent(await settle('settle', 'DELETE', token));
  await outcome('settle', 'completed');
  stale(await settle('settle', 'DELETE', token));
  stale(await settle('settle', 'DELETE', token, '&reject'));
  stale(await ask('settle', 'POST', `deviceBound/${token}/abandon?${VERSION}`));
});

test('reject, bare, empty or odd, gives 204 and dead-letters', async () => {
  for (const [i, query] of ['&reject', '&reject=', '&%3Freject=true'].entries()) {
    await send('reject', { body: 'x', messageId: `reject-${i}` });
    checkNoContent(await settle('reject', 'DELETE', await receiveToken('reject'), query));
    const fields = new URLSearchParams({ messageId: `reject-${i}`, event: 'rejected', timeout: 'PT15S' });
    await hub.ask('GET', `/control/v1/wait?${fields}`);
  }
});

test('abandon, whatever body and If-Match it has, gives 204 and the message again', async () => {
  await send('abandon', { body: 'again', messageId: 'a' });
  const sequence = new Set();
  const forms = [['--data', ''], ['--data', 'x'], ['--header', 'If-Match: "{}"'], ['--header', 'If-Match: {}'],
    ['--header', 'IfMatch: x'], ['--header', 'Transfer-Encoding: chunked', '--data-binary', 'x']];
  for (const [count, options] of forms.entries()) {
    const message = await receive('abandon');
    assert.equal(message.get('iothub-deliverycount'), String(count));
    sequence.add(message.get('iothub-sequencenumber'));
    const [, token] = TOKEN.exec(message.get('ETag'));
    checkNoContent(await ask('abandon', 'POST', `deviceBound/${token}/abandon?${VERSION}`,
      options.map((option) => option.replace('{}', token))));
  }
  assert.equal(sequence.size, 1);
});

test('a lapsed lock, another device\'s and a token that is none give 412', async () => {
  await send('stale');
  const token = await receiveToken('stale');
  stale(await settle('other', 'DELETE', token));
  stale(await settle('stale', 'DELETE', 'none'));
  stale(await settle('stale', 'DELETE', '00000000-0000-0000-0000-000000000000'));
  await hub.advance('PT61S');
  stale(await settle('stale', 'DELETE', token));
  assert.equal((await receive('stale')).get('iothub-deliverycount'), '0');
});

test('literals of any case, an id of every kind and a slash at the end find the device', async () => {
  const id = encodeURIComponent(ODD);
  const lower = id.replace(/%../g, (escape) => escape.toLowerCase());
  for (const route of [`/devices/${id}/messages/deviceBound`, `/Devices/${lower}/Messages/DEVICEBOUND`,
    `/devices/${id.replace('%2B', '+')}/messages/devicebound/`]) {
    await send(ODD);
    const message = await ask(ODD, 'GET', `${route}?${VERSION}`);
    assert.equal(message.status, 'HTTP/1.1 200 OK', route);
    assert.equal(message.get('iothub-to'), `/devices/${ODD}/messages/devicebound`);
    const [, token] = TOKEN.exec(message.get('ETag'));
    checkNoContent(await ask(ODD, 'DELETE', `${route.replace(/\/$/, '')}/${token.toUpperCase()}?${VERSION}`));
  }
});

test('telemetry, bare, with a type, with properties and in a batch, gives 204', async () => {
  const report = async (type, body, ...headers) => checkNoContent(await ask('events', 'POST', `events?${VERSION}`,
    [`Content-Type:${type}`, ...headers].flatMap((header) => ['--header', header]).concat('--data-binary', body)));
  await report('', '21.5', 'iothub-messageid: t-1', 'iothub-app-a: b');
  await report(' binary/octet-stream', '');
  await report(' application/vnd.microsoft.iothub.json',
    '[{"body":"aGk=","base64Encoded":true,"properties":{"a":"b"}},{"body":"hi"}]');
  const entries = (await hub.ask('GET', '/control/v1/journal?event=telemetry&device=events')).items;
  assert.equal(entries.length, 4);
});

test('telemetry above 256 KB gives 413 in layout 1', async () => {
  const file = path.join(hub.directory, 'large');
  const report = (bytes) => {
    fs.writeFileSync(file, Buffer.alloc(bytes, 'x'));
    return ask('events', 'POST', `events?${VERSION}`, ['--data-binary', `@${file}`]);
  };
  checkNoContent(await report(262144));
  checkNested(await report(262145), '413 Content Too Large', 'MessageTooLarge', 413001);
});

test('files, which need a storage account, give 400 in layout 2', async () => {
  for (const route of ['files', 'files/notifications', 'files/notifications/c1']) {
    checkFlat(await ask('events', 'POST', `/devices/events/${route}?${VERSION}`, ['--data', '{"blobName":"b"}']),
      '400 Bad Request', 'DefaultStorageEndpointNotConfigured');
  }
});

test('what devices do not have over HTTPS gives 401 or 404 in layout 2', async () => {
  checkFlat(await ask('events', 'GET', `/devices/events/modules/m/messages/devicebound?${VERSION}`),
    '404 Not Found', 'GenericNotFound');
  for (const route of ['/twins/events', '/devices/events']) { // for services
    checkFlat(await ask('events', 'GET', `${route}?${VERSION}`), '401 Unauthorized', 'IotHubUnauthorizedAccess');
  }
});

test('no api-version, or an unknown one, gives 400 in layout 1', async () => {
  for (const query of ['', '?api-version=', '?api-version=1']) {
    checkNested(await ask('empty', 'GET', `deviceBound${query}`), '400 Bad Request', 'InvalidProtocolVersion', 400001);
  }
});

test('no token, a bad one, an old one and another device\'s give 401 in layout 2', async () => {
  const resource = encodeURIComponent(`${hub.address}/devices/guarded`);
  for (const token of ['', 'none', hub.deviceToken('other'), hub.deviceToken('guarded', -3600),
    sasToken(resource, keyOf('none'), 60), hub.serviceToken(60, 'registryRead')]) {
    const answer = await ask('guarded', 'GET', `deviceBound?${VERSION}`, [], token);
    checkFlat(answer, '401 Unauthorized', 'IotHubUnauthorizedAccess', 'Unauthorized');
  }
});

test('a missing and a disabled device give 404 in layout 1', async () => {
  await hub.ask('PUT', '/control/v1/devices/disabled', { status: 'disabled' });
  for (const device of ['nobody', 'disabled']) {
    for (const answer of [await receive(device), await settle(device, 'DELETE', '00000000-0000-0000-0000-000000000000'),
      await ask(device, 'POST', `events?${VERSION}`, ['--data', 'x'])]) {
      checkNested(answer, '404 Not Found', 'DeviceNotFound', 404001);
    }
  }
});

test('a refusal leaves the connection open for the next request', async () => {
  const { answers: [refusal, next], connections } = await curl(
    ['--header', `Authorization: ${hub.deviceToken('alive')}`],
    '/devices/alive/messages/devicebound', `/devices/alive/messages/devicebound?${VERSION}`);
  assert.equal(refusal.status, 'HTTP/1.1 400 Bad Request');
  checkNoContent(next);
  assert.equal(connections, 1);
});
