'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, eventually } = require('./harness');
const { Device, Feedback, Registry, Service, message } = require('./clients');

let hub;

test.beforeEach(async () => {
  hub = await Hub.start({ address: '127.0.20.8', devices: ['d1'], onDisk: true });
});

test.afterEach(() => hub.stop());

const settled = () => eventually(async () => {
  const counts = await hub.counts();
  return counts.invisible === 0;
}, 'the settlements');

for (const signal of ['SIGTERM', 'SIGKILL']) {
  test(`messages, identities and feedback survive ${signal}`, async () => {
    const registry = Registry.fromConnectionString(hub.serviceConnectionString());
    const made = (await registry.create({ deviceId: 'made' })).responseBody;
    let service = await Service.open(hub.serviceConnectionString('service'));
    for (const messageId of ['done', 'waiting', 'abandoned']) {
      await service.send('d1', message(`body of ${messageId}`, { messageId, ack: 'full' }, { of: messageId }));
    }
    let device = await Device.open(hub.deviceConnectionString('d1'));
    const [done, waiting, abandoned] = [await device.next(), await device.next(), await device.next()];
    await device.complete(done);
    await eventually(async () => (await hub.counts()).feedbackPending === 1, 'the record');
    await device.close();
    await service.close();
    assert.equal(waiting.messageId, 'waiting');
    assert.equal(abandoned.messageId, 'abandoned');

    await hub.restart(signal);
    assert.equal((await registry.get('made')).responseBody.generationId, made.generationId);
    await hub.advance('PT61S');
    service = await Service.open(hub.serviceConnectionString('service'));
    device = await Device.open(hub.deviceConnectionString('d1'));
    for (const messageId of ['waiting', 'abandoned']) {
      const received = await device.next();
      assert.equal(received.messageId, messageId);
      assert.equal(received.getData().toString(), `body of ${messageId}`);
      assert.equal(received.properties.getItem(0).value !== undefined, true);
      await device.complete(received);
    }
    await settled();
    const feedback = await Feedback.of(service, hub);
    for (const messageId of ['done', 'waiting', 'abandoned']) {
      assert.equal((await feedback.record(messageId)).statusCode, 'Success');
    }
    assert.equal(feedback.records.length, 3);
    assert.equal(device.messages.length, 0);
    await device.close();
    await service.close();
  });
}

test('sequence: a message sent after the restart comes behind those before it', async () => {
  let service = await Service.open(hub.serviceConnectionString('service'));
  await service.send('d1', message('before'));
  await service.close();
  await hub.restart();
  service = await Service.open(hub.serviceConnectionString('service'));
  await service.send('d1', message('after'));
  const device = await Device.open(hub.deviceConnectionString('d1'));
  assert.equal((await device.next()).getData().toString(), 'before');
  assert.equal((await device.next()).getData().toString(), 'after');
  await device.close();
  await service.close();
});
