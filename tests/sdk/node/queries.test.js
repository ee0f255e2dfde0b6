'use strict';

/* Queries through the SDK's Query, which follows continuations itself. */

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, deadline } = require('./harness');
const { Registry } = require('./clients');

const DEVICES = ['q1', 'q2', 'q3', 'q4', 'q5'];

let hub;
let registry;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.80.3', devices: DEVICES });
  registry = Registry.fromConnectionString(hub.serviceConnectionString());
  await registry.updateTwin('q2', { tags: { floor: 2 } }, '*');
  await registry.updateTwin('q4', { tags: { floor: 4 } }, '*');
});

test.after(() => hub.stop());

/* Every row, page by page; also how many pages there were. */
async function rowsOf(text, pageSize, next = 'next') {
  const query = registry.createQuery(text, pageSize);
  const rows = [];
  let pages = 0;
  while (query.hasMoreResults) {
    const { result } = await deadline(query[next](), 'a page');
    rows.push(...result);
    pages += 1;
  }
  return { rows, pages };
}

test('pages of two over five devices are three, as twins that can be updated', async () => {
  const { rows, pages } = await rowsOf('SELECT * FROM devices', 2, 'nextAsTwin');
  assert.deepEqual(rows.map((twin) => twin.deviceId), DEVICES);
  assert.equal(pages, 3);
  await rows[0].update({ tags: { seen: true } });
  assert.equal((await registry.getTwin('q1')).responseBody.tags.seen, true);
});

test('a condition on tags and a projection give the rows asked for', async () => {
  const { rows } = await rowsOf('SELECT deviceId, tags.floor AS level FROM devices WHERE tags.floor >= 2');
  assert.deepEqual(rows, [{ deviceId: 'q2', level: 2 }, { deviceId: 'q4', level: 4 }]);
});

test('COUNT() is one row', async () => {
  const { rows, pages } = await rowsOf("SELECT COUNT() AS total FROM devices WHERE status = 'enabled'", 1);
  assert.deepEqual(rows, [{ total: 5 }]);
  assert.equal(pages, 1);
});

test('modules are a collection of their own', async () => {
  await registry.addModule({ deviceId: 'q5', moduleId: 'm1' });
  const { rows } = await rowsOf("SELECT * FROM devices.modules WHERE deviceId = 'q5'", 10, 'nextAsTwin');
  assert.deepEqual(rows.map((twin) => twin.moduleId), ['m1']);
});

test('what is not supported is ArgumentError and says so', async () => {
  await assert.rejects(rowsOf('SELECT * FROM devices GROUP BY status'), (error) => {
    assert.equal(error.name, 'ArgumentError');
    assert.match(error.responseBody, /ErrorCode:ArgumentInvalid;BadRequest: GROUP is not supported here/);
    return true;
  });
});
