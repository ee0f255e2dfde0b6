/*
 * The SDK comes back by itself, over every transport, and loses nothing.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, eventually } = require('../node/harness');
const { Service, message } = require('../node/clients');
const { Certificates } = require('./certificates');
const { AnyDevice, TRANSPORTS, connectionsOf, register } = require('./devices');

/* The SDK's own policy waits for seconds. */
const SOON = { shouldRetry: () => true, nextRetryTimeout: () => 20 };

const certificates = new Certificates();
const devices = [];
let hub;

test.before(async () => {
  hub = await Hub.start({
    address: '127.0.50.5', onDisk: true,
    options: ['--mqtts-port', '8883', '--device-ca', certificates.authority('authority')],
  });
  for (const transport of Object.keys(TRANSPORTS)) {
    for (const authentication of ['key', 'ca']) {
      const deviceId = `${transport}-${authentication}`;
      const signed = authentication === 'ca' ? certificates.signedBy('authority', deviceId) : {};
      const credential = { authentication, ...signed };
      await register(hub, deviceId, credential);
      devices.push(await AnyDevice.connect(hub, transport, deviceId, credential, SOON));
    }
  }
});

test.after(async () => {
  await AnyDevice.closeAll();
  await hub.stop();
  certificates.remove();
});

/* Every device gets a message that is sent now. */
async function allReceive(body) {
  const service = await Service.open(hub.serviceConnectionString('service'));
  await Promise.all(devices.map((device) => service.send(device.deviceId, message(body))));
  await Promise.all(devices.map(async (device) => {
    const received = await device.next();
    assert.equal(received.getData().toString(), body, device.deviceId);
    await device.complete(received);
  }));
  await service.close();
  const settled = async () => {
    const { enqueued, invisible } = await hub.counts();
    return enqueued + invisible === 0;
  };
  await eventually(settled, 'the settlements');
  assert.deepEqual(devices.map((device) => device.messages.length), devices.map(() => 0));
}

for (const signal of ['SIGTERM', 'SIGKILL']) {
  test(`after a ${signal} of the hub and its restart`, async () => {
    await allReceive(`before ${signal}`);
    await hub.restart(signal);
    await allReceive(`after ${signal}`);
  });
}

for (const how of ['close', 'reset']) {
  test(`after the hub has dropped its connection (${how})`, async () => {
    for (const device of devices) {
      for (const { id } of await connectionsOf(hub, device.deviceId)) {
        await hub.ask('DELETE', `/control/v1/connections/${id}?how=${how}`).catch(() => {}); // a poll has ended
      }
    }
    await allReceive(`after ${how}`);
  });
}
