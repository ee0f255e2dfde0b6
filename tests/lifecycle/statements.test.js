/*
 * The statements of store/LIFECYCLE.md that name no protocol, seen by a device over each protocol it
 * can be seen over. `needs` names what a protocol has to show for that; MQTT has neither reject nor
 * abandon nor a delivery count, and its PUBACK is never refused.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const devices = require('./devices');
const { Hub } = require('../sdk/node/harness');

const API = 'api-version=2021-04-12';
let hub;
let strict; // a hub that gives up at the third delivery
let made = 0;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.20.30', freePorts: true });
  strict = await Hub.start({
    address: '127.0.20.30', freePorts: true, options: ['--max-delivery-count', '3'],
  });
  await hub.freeze();
  await strict.freeze();
});

test.after(async () => {
  await hub.stop();
  await strict.stop();
});

/* What a statement is told with: one new device, connected. */
class Scene {
  static async open(protocol, on) {
    const scene = Object.assign(new Scene(), { protocol, hub: on, id: `device-${made++}`, sent: 0 });
    scene.identity = await on.ask('PUT', `/control/v1/devices/${scene.id}`, {});
    scene.keyring = scene.identity.authentication.symmetricKey.primaryKey;
    await scene.connect();
    return scene;
  }

  async connect() {
    const { hub: on, id, keyring } = this;
    /* The harness makes its tokens of keys that it knows; this device has the hub's. */
    const view = Object.create(on, { deviceToken: { value: () => on.deviceToken(id, 3600, keyring) } });
    this.device = await devices[this.protocol].open(view, id);
  }

  async send(body, fields = {}) {
    const answer = await this.hub.ask('POST', `/control/v1/devices/${this.id}/messages`,
      { body, messageId: body, ...fields });
    this.sent++;
    return answer;
  }

  async fill(count) {
    for (let i = 0; i < count; i++) {
      await this.send(`number-${i}`);
    }
  }

  async queue() {
    return (await this.hub.ask('GET', `/control/v1/devices/${this.id}/messages`)).items;
  }

  refusesSend(code) {
    return assert.rejects(this.send('one-more'), new RegExp(code));
  }

  /* The statuses of this device's records, oldest first. */
  async feedback() {
    await this.hub.flushFeedback();
    const all = [];
    const ask = (method, tail) => fetch(
      `https://${this.hub.address}:${this.hub.ports.https}/messages/serviceBound/feedback${tail}?${API}`,
      { method, headers: { authorization: this.hub.serviceToken() } });
    for (let got = await ask('GET', ''); got.status === 200; got = await ask('GET', '')) {
      all.push(...await got.json());
      await ask('DELETE', `/${got.headers.get('etag').slice(1, -1)}`);
    }
    return all.filter((record) => record.deviceId === this.id).map((record) => record.statusCode);
  }
}

async function bodies(scene) {
  return (await scene.queue()).map((message) => message.body.text);
}

const STATEMENTS = [
  [1, 'an empty queue gives nothing', {}, async (scene) => {
    assert.equal(await scene.device.look(), null);
    assert.deepEqual(await scene.queue(), []);
  }],
  [2, 'body, message id and properties arrive as sent', {}, async (scene) => {
    const properties = { plain: 'x', 'with-dash': 'a b', odd: '100% & more = "less"' };
    await scene.send('grüße', { messageId: 'm-1', properties });
    const got = await scene.device.receive();
    assert.equal(got.id, 'm-1');
    assert.deepEqual({ ...got.properties }, properties);
    assert.equal(Buffer.from(got.body, 'utf8').toString(), 'grüße');
    if (devices[scene.protocol].shows.has('count')) {
      assert.deepEqual([got.sequence, got.count], [1, 0]);
    }
  }],
  [4, 'with 50 of which one is locked, one more is refused', {}, async (scene) => {
    await scene.fill(50);
    await scene.device.receive();
    await scene.refusesSend(403004);
  }],
  [5, 'after one of 50 is completed, one more is accepted', {}, async (scene) => {
    await scene.fill(50);
    await scene.device.settle(await scene.device.receive(), 'complete');
    await scene.send('one-more');
  }],
  [12, 'the registry counts what waits and what is locked', {}, async (scene) => {
    const count = async () => {
      const { queue } = await scene.hub.ask('GET', `/control/v1/devices/${scene.id}`);
      return queue.enqueued + queue.invisible;
    };
    await scene.send('a');
    await scene.send('b');
    assert.equal(await count(), 2);
    const got = await scene.device.receive();
    assert.equal(await count(), 2);
    await scene.device.settle(got, 'complete');
    assert.equal(await count(), 1);
  }],
  [13, 'one message, received once: then there is nothing', {}, async (scene) => {
    await scene.send('a');
    await scene.device.receive();
    assert.equal(await scene.device.look(), null);
  }],
  [14, 'two messages: number 1, then number 2', {}, async (scene) => {
    await scene.send('first');
    await scene.send('second');
    assert.equal((await scene.device.receive()).body, 'first');
    assert.equal((await scene.device.receive()).body, 'second');
  }],
  [15, 'after 59 s a lock holds, after 61 s the message comes again', {}, async (scene) => {
    await scene.send('a');
    await scene.device.receive();
    await scene.hub.advance('PT59S');
    assert.equal(await scene.device.look(), null);
    await scene.hub.advance('PT2S');
    assert.equal((await scene.device.receive()).body, 'a');
  }],
  [16, 'a lapsed lock leaves the delivery count as it was', {}, async (scene) => {
    await scene.send('a');
    await scene.device.receive();
    await scene.hub.advance('PT61S');
    await scene.device.receive();
    assert.equal((await scene.queue())[0].deliveryCount, 0);
  }],
  [17, 'a lapsed lock settles nothing', { needs: 'refusal' }, async (scene) => {
    await scene.send('a');
    const late = await scene.device.receive();
    await scene.hub.advance('PT61S');
    assert.equal(await scene.device.settle(late, 'complete'), false);
    assert.equal((await scene.queue())[0].state, 'enqueued');
  }],
  [18, 'after a second delivery the first settles nothing, the second completes', { needs: 'refusal' },
    async (scene) => {
      await scene.send('a');
      const first = await scene.device.receive();
      await scene.hub.advance('PT61S');
      const second = await scene.device.receive();
      assert.equal(await scene.device.settle(first, 'complete'), false);
      assert.equal((await scene.queue())[0].state, 'invisible');
      assert.equal(await scene.device.settle(second, 'complete'), true);
      assert.deepEqual(await scene.queue(), []);
    }],
  [19, 'completing twice: done, then refused', { needs: 'token' }, async (scene) => {
    await scene.send('a');
    const got = await scene.device.receive();
    assert.equal(await scene.device.settle(got, 'complete'), true);
    assert.equal(await scene.device.settle(got, 'complete'), false);
  }],
  [21, 'a token settles nothing for another device', { needs: 'token' }, async (scene) => {
    const other = await Scene.open(scene.protocol, scene.hub);
    await scene.send('a');
    const got = await scene.device.receive();
    assert.equal(await other.device.settle(got, 'complete'), false);
    assert.equal((await scene.queue())[0].state, 'invisible');
    await other.device.close();
  }],
  [25, 'a rejected message never comes again', { needs: 'reject' }, async (scene) => {
    await scene.send('a');
    assert.equal(await scene.device.settle(await scene.device.receive(), 'reject'), true);
    await scene.hub.advance('PT61S');
    assert.equal(await scene.device.look(), null);
    assert.deepEqual(await scene.queue(), []);
  }],
  [26, 'an abandoned message is deliverable at once, with count 1', { needs: 'abandon' }, async (scene) => {
    await scene.send('a');
    await scene.device.settle(await scene.device.receive(), 'abandon');
    assert.equal((await scene.device.receive()).count, 1);
  }],
  [27, 'of messages 1 and 2, an abandoned 1 comes before 2', { needs: 'abandon' }, async (scene) => {
    await scene.send('first');
    await scene.send('second');
    await scene.device.settle(await scene.device.receive(), 'abandon');
    assert.equal((await scene.device.receive()).body, 'first');
  }],
  [28, 'with a maximum of 3, the third abandon ends the message', { needs: 'abandon', on: () => strict },
    async (scene) => {
      await scene.send('a', { ack: 'full' });
      for (let i = 0; i < 3; i++) {
        const got = await scene.device.receive();
        assert.equal(got.count, i);
        await scene.device.settle(got, 'abandon');
      }
      assert.deepEqual(await scene.queue(), []);
      assert.deepEqual(await scene.feedback(), ['DeliveryCountExceeded']);
    }],
  [30, 'with a maximum of 3, ten lapsed locks do not end it', { on: () => strict }, async (scene) => {
    await scene.send('a');
    for (let i = 0; i < 10; i++) {
      await scene.device.receive();
      await scene.hub.advance('PT61S');
    }
    await scene.device.settle(await scene.device.receive(), 'complete');
    assert.deepEqual(await scene.queue(), []);
  }],
  [31, 'abandoned twice of three, lapsed once, it may still be completed',
    { needs: 'abandon', on: () => strict }, async (scene) => {
      await scene.send('a', { ack: 'full' });
      await scene.device.settle(await scene.device.receive(), 'abandon');
      await scene.device.settle(await scene.device.receive(), 'abandon');
      await scene.device.receive();
      await scene.hub.advance('PT61S');
      assert.equal(await scene.device.settle(await scene.device.receive(), 'complete'), true);
      assert.deepEqual(await scene.feedback(), ['Success']);
    }],
  [33, 'without an expiry a message is gone at 60 minutes', {}, async (scene) => {
    await scene.device.close();
    await scene.send('a');
    await scene.hub.advance('PT60M');
    await scene.connect();
    assert.equal(await scene.device.look(), null);
  }],
  [35, 'after its expiry there is nothing', {}, async (scene) => {
    await scene.device.close();
    await scene.send('a', { ttl: 'PT30S', ack: 'full' });
    await scene.send('b');
    await scene.hub.advance('PT31S');
    await scene.connect();
    assert.equal((await scene.device.receive()).body, 'b');
    assert.deepEqual(await scene.feedback(), ['Expired']);
  }],
  [36, 'a locked message that expires is not completed any more', {}, async (scene) => {
    await scene.send('a', { ttl: 'PT30S', ack: 'full' });
    const got = await scene.device.receive();
    await scene.hub.advance('PT31S');
    const taken = await scene.device.settle(got, 'complete');
    assert.equal(taken, !devices[scene.protocol].shows.has('refusal'));
    assert.deepEqual(await scene.feedback(), ['Expired']);
  }],
  [37, 'nor does it come back when its lock would have ended', {}, async (scene) => {
    await scene.send('a', { ttl: 'PT30S' });
    await scene.device.receive();
    await scene.hub.advance('PT61S');
    assert.equal(await scene.device.look(), null);
  }],
  [41, 'without ack there is no record', {}, async (scene) => {
    await scene.send('a');
    await scene.send('b', { ack: 'none' });
    await scene.device.settle(await scene.device.receive(), 'complete');
    await scene.device.settle(await scene.device.receive(), 'complete');
    assert.deepEqual(await scene.feedback(), []);
  }],
  [42, 'positive and completed: one record', {}, async (scene) => {
    await scene.send('a', { ack: 'positive' });
    await scene.device.settle(await scene.device.receive(), 'complete');
    assert.deepEqual(await scene.feedback(), ['Success']);
  }],
  [43, 'positive and rejected: none', { needs: 'reject' }, async (scene) => {
    await scene.send('a', { ack: 'positive' });
    await scene.device.settle(await scene.device.receive(), 'reject');
    assert.deepEqual(await scene.feedback(), []);
  }],
  [44, 'negative: as it ended, unless well', {}, async (scene) => {
    await scene.send('a', { ack: 'negative' });
    await scene.device.settle(await scene.device.receive(), 'complete');
    await scene.send('b', { ack: 'negative' });
    const got = await scene.device.receive();
    if (devices[scene.protocol].shows.has('reject')) {
      await scene.device.settle(got, 'reject');
      assert.deepEqual(await scene.feedback(), ['Rejected']);
    } else {
      await scene.hub.ask('DELETE', `/control/v1/devices/${scene.id}/messages`);
      assert.deepEqual(await scene.feedback(), ['Purged']);
    }
  }],
  [46, 'full, abandoned twice, then completed: one Success', { needs: 'abandon' }, async (scene) => {
    await scene.send('a', { ack: 'full' });
    await scene.device.settle(await scene.device.receive(), 'abandon');
    await scene.device.settle(await scene.device.receive(), 'abandon');
    await scene.device.settle(await scene.device.receive(), 'complete');
    assert.deepEqual(await scene.feedback(), ['Success']);
  }],
  [56, 'a purge takes what is locked too', {}, async (scene) => {
    await scene.fill(4);
    const got = await scene.device.receive();
    const purged = await scene.hub.ask('DELETE', `/control/v1/devices/${scene.id}/messages`);
    assert.equal(purged.totalMessagesPurged, 4);
    scene.device.forget();
    assert.equal(await scene.device.settle(got, 'complete'),
      !devices[scene.protocol].shows.has('refusal'));
    assert.equal(await scene.device.look(), null);
  }],
  [58, 'deleted and created again: an empty queue', {}, async (scene) => {
    await scene.send('a');
    await scene.hub.ask('DELETE', `/control/v1/devices/${scene.id}`);
    await Promise.resolve(scene.device.close()).catch(() => {});
    const again = await scene.hub.ask('PUT', `/control/v1/devices/${scene.id}`, {});
    assert.notEqual(again.generationId, scene.identity.generationId);
    scene.keyring = again.authentication.symmetricKey.primaryKey;
    await scene.connect();
    assert.equal(await scene.device.look(), null);
    await scene.send('b');
    assert.equal((await scene.device.receive()).body, 'b');
  }],
  [59, 'a disabled device gets what waited once it is enabled', {}, async (scene) => {
    await scene.send('a');
    await scene.hub.ask('PUT', `/control/v1/devices/${scene.id}`, { status: 'disabled' });
    await Promise.resolve(scene.device.close()).catch(() => {});
    await scene.hub.ask('PUT', `/control/v1/devices/${scene.id}`, { status: 'enabled' });
    await scene.hub.advance('PT61S');
    await scene.connect();
    assert.equal((await scene.device.receive()).body, 'a');
  }],
  [61, 'a message that expires while its device is disabled gives its feedback', {}, async (scene) => {
    await scene.send('a', { ack: 'full', ttl: 'PT30S' });
    await scene.hub.ask('PUT', `/control/v1/devices/${scene.id}`, { status: 'disabled' });
    await scene.hub.advance('PT31S');
    assert.deepEqual(await scene.feedback(), ['Expired']);
  }],
];

for (const [number, title, { needs, on }, tell] of STATEMENTS) {
  for (const protocol of Object.keys(devices)) {
    if (needs && !devices[protocol].shows.has(needs)) {
      continue;
    }
    test(`${number} over ${protocol}: ${title}`, async () => {
      const scene = await Scene.open(protocol, on ? on() : hub);
      await tell(scene);
      await Promise.resolve(scene.device.close()).catch(() => {});
    });
  }
}

test('23: a message locked over one protocol is not given over another', async () => {
  for (const holder of Object.keys(devices)) {
    const scene = await Scene.open(holder, hub);
    await scene.send('a');
    await scene.device.receive();
    for (const protocol of Object.keys(devices).filter((other) => other !== holder)) {
      scene.protocol = protocol;
      const { device } = scene;
      await scene.connect();
      assert.equal(await scene.device.look(), null, `${holder}, then ${protocol}`);
      await scene.device.close();
      scene.device = device;
    }
    assert.deepEqual(await bodies(scene), ['a']);
    await Promise.resolve(scene.device.close()).catch(() => {});
  }
});
