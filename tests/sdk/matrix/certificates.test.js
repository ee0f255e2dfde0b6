/*
 * Which certificates open a device, over every transport of the SDK.
 */
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { Hub, eventually } = require('../node/harness');
const { Service, message } = require('../node/clients');
const { Certificates, thumbprint } = require('./certificates');
const { AnyDevice, TRANSPORTS, assertRefused, refusal, registryOf } = require('./devices');

const AT_ONCE = 6;
const OTHER_THUMBPRINT = 'A'.repeat(40);

const certificates = new Certificates();
let hub;
let service;
let registry;
let count = 0;

test.before(async () => {
  const root = certificates.authority('root');
  certificates.authority('intermediate', 'root');
  certificates.authority('unregistered root');
  const registered = certificates.authority('registered intermediate', 'unregistered root');
  certificates.authority('stranger');
  hub = await Hub.start({
    address: '127.0.50.2',
    options: ['--mqtts-port', '8883', '--device-ca', root, '--device-ca', registered],
  });
  service = await Service.open(hub.serviceConnectionString('service'));
  registry = registryOf(hub);
});

test.after(async () => {
  await AnyDevice.closeAll();
  await service.close();
  await hub.stop();
  certificates.remove();
});

/* A new device, registered so. Gives its id. */
async function deviceWith(authentication) {
  const deviceId = `d${count++}`;
  await registry.create({ deviceId, status: 'enabled', authentication });
  return deviceId;
}

const byThumbprint = (primaryThumbprint, secondaryThumbprint = OTHER_THUMBPRINT) => deviceWith(
  { type: 'selfSigned', x509Thumbprint: { primaryThumbprint, secondaryThumbprint } });
const byAuthority = () => deviceWith({ type: 'certificateAuthority' });

/* Each gives { deviceId, credential }. */
const accepted = {
  async 'a SHA-1 thumbprint in upper case'() {
    const credential = certificates.selfSigned('any');
    return { deviceId: await byThumbprint(thumbprint(credential)), credential };
  },
  async 'a SHA-1 thumbprint in lower case'() {
    const credential = certificates.selfSigned('any');
    return { deviceId: await byThumbprint(thumbprint(credential).toLowerCase()), credential };
  },
  async 'a SHA-256 thumbprint'() {
    const credential = certificates.selfSigned('any');
    return { deviceId: await byThumbprint(thumbprint(credential, 'sha256')), credential };
  },
  async 'the secondary thumbprint'() {
    const credential = certificates.selfSigned('any');
    return { deviceId: await byThumbprint(OTHER_THUMBPRINT, thumbprint(credential)), credential };
  },
  async 'a thumbprint, whoever has signed the certificate'() {
    const credential = certificates.signedBy('stranger', 'any');
    return { deviceId: await byThumbprint(thumbprint(credential)), credential };
  },
  async 'a chain over an intermediate CA to a registered root'() {
    const deviceId = await byAuthority();
    return { deviceId, credential: certificates.signedBy('intermediate', deviceId, { chain: ['intermediate'] }) };
  },
  async 'a registered intermediate CA, whose root is not'() {
    const deviceId = await byAuthority();
    return { deviceId, credential: certificates.signedBy('registered intermediate', deviceId) };
  },
};

const refused = {
  async 'another certificate than that of the thumbprint'() {
    const deviceId = await byThumbprint(thumbprint(certificates.selfSigned('any')));
    return { deviceId, credential: certificates.selfSigned('any') };
  },
  async 'a certificate of a registered CA where a thumbprint is registered'() {
    const deviceId = await byThumbprint(thumbprint(certificates.selfSigned('any')));
    return { deviceId, credential: certificates.signedBy('root', deviceId) };
  },
  async 'an expired certificate of the right thumbprint'() {
    const credential = certificates.selfSigned('any', -1);
    return { deviceId: await byThumbprint(thumbprint(credential)), credential };
  },
  async 'a certificate of a CA that is not registered'() {
    const deviceId = await byAuthority();
    return { deviceId, credential: certificates.signedBy('stranger', deviceId) };
  },
  async 'a self-signed certificate where a CA has to have signed'() {
    const deviceId = await byAuthority();
    return { deviceId, credential: certificates.selfSigned(deviceId) };
  },
  async 'a common name that is not the device id'() {
    return { deviceId: await byAuthority(), credential: certificates.signedBy('root', 'another') };
  },
  async 'an expired certificate of a registered CA'() {
    const deviceId = await byAuthority();
    return { deviceId, credential: certificates.signedBy('root', deviceId, { days: -1 }) };
  },
  async 'a chain that lacks its intermediate CA'() {
    const deviceId = await byAuthority();
    return { deviceId, credential: certificates.signedBy('intermediate', deviceId) };
  },
  async 'a certificate signed by a device, not by a CA'() {
    const deviceId = await byAuthority();
    certificates.signedBy('root', 'not a CA', { name: `signer${deviceId}` });
    return {
      deviceId,
      credential: certificates.signedBy(`signer${deviceId}`, deviceId, { chain: [`signer${deviceId}`] }),
    };
  },
  async 'a certificate where a key is registered'() {
    const deviceId = await deviceWith({ type: 'sas' });
    return { deviceId, credential: certificates.signedBy('root', deviceId) };
  },
  async 'a token where a thumbprint is registered'() {
    const deviceId = await byThumbprint(thumbprint(certificates.selfSigned('any')));
    return { deviceId, credential: { authentication: 'key' } };
  },
  async 'a token where a CA has to have signed'() {
    return { deviceId: await byAuthority(), credential: { authentication: 'key' } };
  },
};

/* Each case by each transport in turn, several cases at once. */
function runCases(t, cases, check) {
  return Promise.all(Object.entries(cases).map(([name, make]) => t.test(name, async (ofCase) => {
    const { deviceId, credential } = await make();
    for (const transport of Object.keys(TRANSPORTS)) {
      await ofCase.test(transport, () => check(transport, deviceId, credential));
    }
  })));
}

test('a device is opened by', { concurrency: AT_ONCE }, (t) => runCases(
  t, accepted, async (transport, deviceId, credential) => {
    const device = await AnyDevice.connect(hub, transport, deviceId, credential);
    await service.send(deviceId, message('x'));
    await device.complete(await device.next());
    assert.ok(!device.hasEnded());
    await device.close();
  }));

test('a device is not opened by', { concurrency: AT_ONCE }, (t) => runCases(
  t, refused, async (transport, deviceId, credential) => {
    assertRefused(transport, await refusal(hub, transport, deviceId, credential));
  }));

test('a hub that is lenient registers an unknown device with its certificate', async () => {
  const lenient = await Hub.start({
    address: '127.0.50.6', options: ['--mqtts-port', '8883', '--auth', 'lenient'],
  });
  const sender = await Service.open(lenient.serviceConnectionString('service'));
  const { responseBody: before } = await registryOf(lenient).list();
  assert.deepEqual(before, []);
  for (const transport of Object.keys(TRANSPORTS)) {
    const credential = certificates.selfSigned(transport);
    const device = await AnyDevice.connect(lenient, transport, transport, credential);
    const identity = await eventually(
      () => registryOf(lenient).get(transport).then(({ responseBody }) => responseBody, () => null), 'the device');
    assert.equal(identity.authentication.type, 'selfSigned');
    assert.equal(identity.authentication.x509Thumbprint.primaryThumbprint, thumbprint(credential, 'sha256'));
    await sender.send(transport, message('x'));
    await device.complete(await device.next());
    await device.close();
  }
  await sender.close();
  await lenient.stop();
});
