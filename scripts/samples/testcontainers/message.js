/*
 * One message through a hub that Testcontainers starts, in Node.js:
 *
 *     npm ci && node message.js
 *
 * Node.js reads NODE_EXTRA_CA_CERTS as it starts, and the hub makes its CA later: so what talks to the
 * hub is a process of its own. Where a test runner has such processes anyway, startHub belongs into its
 * global setup (Jest: globalSetup), and they inherit the environment.
 */
'use strict';

const { fork } = require('node:child_process');
const { once } = require('node:events');
const { mkdtemp, rm, writeFile } = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { Client: Device } = require('azure-iot-device');
const { Amqp } = require('azure-iot-device-amqp');
const { Client: Service } = require('azure-iothub');
const { GenericContainer, Wait } = require('testcontainers');

/** @param {number} number */
const fixed = (number) => ({ container: number, host: number }); // the SDKs know no other ports

/* Ready when this returns. */
function startHub() {
  return new GenericContainer(process.env.DEVICEBOUND_IMAGE || 'devicebound')
    .withCommand(['--in-memory'])
    .withExposedPorts(fixed(443), fixed(5671), fixed(8883), 8180)
    .withWaitStrategy(Wait.forHttp('/readyz', 8180))
    .start();
}

/**
 * What its clients need, as environment variables.
 * @param {string} control its control API
 * @param {string} folder for the CA
 */
async function describeHub(control, folder) {
  /** @param {string} route @param {RequestInit} [options] */
  const ask = async (route, options) => (await fetch(`${control}${route}`, options)).json();
  const caFile = path.join(folder, 'ca.pem');
  await writeFile(caFile, await (await fetch(`${control}/ca.pem`)).text());
  const { policies } = await ask('/control/v1/hub');
  const { connectionString } = await ask('/control/v1/devices/lamp', { method: 'PUT', body: '{}' });
  return {
    NODE_EXTRA_CA_CERTS: caFile,
    SERVICE_CONNECTION_STRING: policies.find((/** @type {{ name: string }} */ { name }) => name === 'service').connectionString,
    DEVICE_CONNECTION_STRING: connectionString,
  };
}

/**
 * @param {string} serviceString
 * @param {string} deviceString
 */
async function passMessage(serviceString, deviceString) {
  const service = Service.fromConnectionString(serviceString);
  const device = Device.fromConnectionString(deviceString, Amqp);
  const received = new Promise((resolve) => { device.on('message', resolve); });
  await service.open();
  await service.send('lamp', 'on');
  const message = await received;
  console.log(`received: ${message.getData()}`);
  await device.complete(message);
  await device.close();
  await service.close();
}

async function main() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'devicebound-'));
  const hub = await startHub();
  try {
    const variables = await describeHub(`http://${hub.getHost()}:${hub.getMappedPort(8180)}`, folder);
    const client = fork(__filename, ['client'], { env: { ...process.env, ...variables } });
    [process.exitCode] = await once(client, 'exit');
  } finally {
    await hub.stop();
    await rm(folder, { recursive: true });
  }
}

const { SERVICE_CONNECTION_STRING: service = '', DEVICE_CONNECTION_STRING: device = '' } = process.env;
(process.argv[2] === 'client' ? passMessage(service, device) : main()).catch((error) => {
  console.error(error);
  process.exit(1);
});
