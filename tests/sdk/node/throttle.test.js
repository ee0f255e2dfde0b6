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

test('rate limits are turned off and on while the hub runs, and a reset brings those of the start back', async () => {
  const service = await Service.open(hub.serviceConnectionString());
  const setThrottle = (throttle) => hub.ask('PATCH', '/control/v1/hub', { throttle });
  const purge = () => Promise.all(DEVICES.map((id) => hub.ask('DELETE', `/control/v1/devices/${id}/messages`)));
  const send = (i) => service.send(DEVICES[i % DEVICES.length], message('x'));
  await setThrottle('s1');
  await purge();
  assert.equal(await countUntilRefused(send), 300);
  await purge();
  await setThrottle('off');
  for (let i = 0; i < 301; i += 1) {
    await send(i);
  }
  await setThrottle('free');
  await purge();
  assert.equal(await countUntilRefused(send), 300);
  await assert.rejects(setThrottle('s4'), /throttle/);
  await assert.rejects(send(0), (error) => error.name === 'ThrottlingError');
  await setThrottle('off');
  await purge();
  await send(0);
  await service.close();
  await hub.ask('POST', '/control/v1/reset');
  const { settings } = await hub.ask('GET', '/control/v1/hub');
  assert.deepEqual(settings.find(({ name }) => name === 'throttle'),
    { name: 'throttle', value: 'free', source: 'commandLine' });
});
