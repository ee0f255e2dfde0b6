'use strict';

/* What a back end sees of the rate limits of a small hub, and that it need not wait for them to pass. */

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub } = require('./harness');
const { Registry, Service, message } = require('./clients');

const DEVICES = ['d1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7'];

let hub;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.110.3', devices: DEVICES, options: ['--throttle', 'free'] });
  await hub.freeze();
});

test.after(() => hub.stop());

/* Calls until one is refused; how many were not. */
async function countUntilRefused(call) {
  for (let count = 0; count < 1000; count += 1) {
    try {
      await call(count);
    } catch (error) {
      assert.equal(error.name, 'ThrottlingError');
      return count;
    }
  }
  return assert.fail('none was refused');
}

test('queries beyond three minutes of their rate are ThrottlingError, until the clock moves', async () => {
  const registry = Registry.fromConnectionString(hub.serviceConnectionString());
  const query = () => registry.createQuery('SELECT * FROM devices').next();
  assert.equal(await countUntilRefused(query), 60);
  await hub.advance('PT3S');
  await query();
});

test('sends beyond three minutes of their rate are ThrottlingError, until the clock moves', async () => {
  const service = await Service.open(hub.serviceConnectionString());
  const send = (i) => service.send(DEVICES[i % DEVICES.length], message('x'));
  assert.equal(await countUntilRefused(send), 300);
  await hub.advance('PT1S');
  await send(0);
  await service.close();
});
