/*
 * Back end, hub and device together, as in production, without the cloud: npm test. Each test has a
 * device of its own, so that no test sees another's messages; none waits for time to pass.
 */
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { Backend } = require('./backend');
const { Lamp } = require('./device');
const { Hub } = require('./hub');

let hub;
let backend;

test.before(async () => {
  hub = await Hub.start();
  backend = await Backend.connect(await hub.serviceConnectionString());
});

test.after(async () => {
  await backend.close();
  await hub.stop();
});

/* A lamp that is connected, until the test is over. */
async function connectLamp(t, connectionString) {
  const lamp = await Lamp.connect(connectionString);
  t.after(() => lamp.close());
  return lamp;
}

test('a lamp is switched on, and the back end learns that it is', async (t) => {
  const lamp = await connectLamp(t, await hub.device('hall'));
  const messageId = await backend.send('hall', 'on');
  await hub.wait({ messageId, event: 'completed' });
  await hub.flushFeedback();
  assert.equal(await backend.outcome(messageId), 'Success');
  assert.equal(lamp.isOn, true);
});

test('a command that no lamp knows is rejected', async (t) => {
  const lamp = await connectLamp(t, await hub.device('kitchen'));
  const messageId = await backend.send('kitchen', 'make coffee');
  await hub.wait({ messageId, event: 'rejected' });
  await hub.flushFeedback();
  assert.equal(await backend.outcome(messageId), 'Rejected');
  assert.equal(lamp.isOn, false);
});

test('a command waits for a lamp that is away', async (t) => {
  const connectionString = await hub.device('cellar');
  const messageId = await backend.send('cellar', 'on');
  const lamp = await connectLamp(t, connectionString);
  await hub.wait({ messageId, event: 'completed' });
  assert.equal(lamp.isOn, true);
});

test('it does not wait for ever', async () => {
  await hub.device('attic');
  const messageId = await backend.send('attic', 'on');
  await hub.advance('PT1H1S');
  await hub.flushFeedback();
  assert.equal(await backend.outcome(messageId), 'Expired');
});

test('a command that was taken and not answered for is given again', async (t) => {
  const connectionString = await hub.device('porch');
  const messageId = await backend.send('porch', 'on');
  await hub.receive('porch');
  const lamp = await connectLamp(t, connectionString);
  await hub.advance('PT61S');
  await hub.wait({ messageId, event: 'completed' });
  assert.equal(lamp.isOn, true);
});
