/*
 * Sends cloud-to-device messages and receives them, with the Azure IoT SDKs for Node.js as they come
 * from npm. After "Send cloud-to-device messages with IoT Hub" on learn.microsoft.com; what differs
 * for devicebound is only the connection strings and the certificate that Node.js is told to trust:
 *
 *     npm ci
 *     export SERVICE_CONNECTION_STRING='HostName=127.0.0.1;SharedAccessKeyName=service;SharedAccessKey=…'
 *     export DEVICE_CONNECTION_STRING='HostName=127.0.0.1;DeviceId=demo;SharedAccessKey=…'
 *     NODE_EXTRA_CA_CERTS=ca.pem node c2d.js
 *
 * Feedback comes up to 15 seconds after the fact, and the message of the fourth part lives for a
 * while. With CONTROL_URL (such as http://127.0.0.1:8180) nobody waits: the program asks the hub to
 * send its feedback at once and to move its clock.
 */
'use strict';

const { Client: ServiceClient, IoTHubTokenCredentials } = require('azure-iothub');
const { IotHubGatewayServiceAPIs } = require('azure-iothub/dist/pl/iotHubGatewayServiceAPIs');
const { Client: DeviceClient } = require('azure-iot-device');
const { Amqp } = require('azure-iot-device-amqp');
const { Message } = require('azure-iot-common');

const serviceConnectionString = process.env.SERVICE_CONNECTION_STRING;
const deviceConnectionString = process.env.DEVICE_CONNECTION_STRING;
const controlUrl = process.env.CONTROL_URL;
if (!serviceConnectionString || !deviceConnectionString) {
  console.error('set SERVICE_CONNECTION_STRING and DEVICE_CONNECTION_STRING');
  process.exit(2);
}
const [, deviceId] = /DeviceId=([^;]+)/.exec(deviceConnectionString);

const service = ServiceClient.fromConnectionString(serviceConnectionString);
const device = DeviceClient.fromConnectionString(deviceConnectionString, Amqp);
const feedback = new Map(); // message id → what is called with its feedback record

/* What this device does with the messages it gets: complete, reject or abandon. */
let answer;

device.on('error', fail);

async function onMessage(message) {
  console.log(`device: received ${message.messageId}: ${message.getData()}`);
  await device[answer](message);
  console.log(`device: ${answer} ${message.messageId}`);
}

function onFeedback(batch) {
  for (const record of JSON.parse(batch.getData())) {
    console.log(`feedback: ${record.originalMessageId}: ${record.statusCode}`);
    feedback.get(record.originalMessageId)?.(record);
  }
}

/* Sends one message that wants full feedback. Gives a function that waits for that feedback. */
async function send(messageId, text, expiryTimeUtc) {
  const message = new Message(text);
  message.messageId = messageId;
  message.ack = 'full';
  message.expiryTimeUtc = expiryTimeUtc;
  const reported = new Promise((resolve) => feedback.set(messageId, resolve));
  await service.send(deviceId, message);
  console.log(`service: sent ${messageId}`);
  return () => (controlUrl ? hurry(reported) : reported);
}

/* Lets the hub send its feedback now instead of at the end of the batch's interval. */
async function hurry(reported) {
  let done = false;
  reported.then(() => { done = true; });
  while (!done) {
    await control('POST', '/control/v1/feedback/flush');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return reported;
}

async function control(method, path, body) {
  const response = await fetch(controlUrl + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) {
    throw new Error(`${controlUrl}${path} answers ${response.status}`);
  }
  return response;
}

async function hubTime() {
  if (!controlUrl) {
    return Date.now();
  }
  const clock = await (await control('GET', '/control/v1/clock')).json();
  return Date.parse(clock.now);
}

/* The SDK has the operation, but only its inner layer offers it. */
async function purge() {
  const credentials = new IoTHubTokenCredentials(serviceConnectionString);
  const api = new IotHubGatewayServiceAPIs(credentials, {
    baseUri: `https://${credentials.getHubName()}`, apiVersion: '2021-04-12',
  });
  const purged = await api.cloudToDeviceMessages.purgeCloudToDeviceMessageQueue(deviceId);
  console.log(`service: purged ${purged.totalMessagesPurged}`);
}

async function main() {
  await service.open();
  const answered = await service.getFeedbackReceiver();
  (answered.result || answered).on('message', onFeedback);
  await device.open();
  device.on('message', (message) => onMessage(message).catch(fail));

  console.log('--- 1. the device completes a message');
  answer = 'complete';
  let reported = await send('completed-1', 'switch the light on');
  await reported();

  console.log('--- 2. the device rejects a message');
  answer = 'reject';
  reported = await send('rejected-1', 'open the pod bay doors');
  await reported();

  console.log('--- 3. the device abandons a message until the hub gives up');
  answer = 'abandon';
  reported = await send('abandoned-1', 'try again');
  await reported();

  console.log('--- 4. a message expires while the device is away');
  await device.close();
  reported = await send('expired-1', 'too late', (await hubTime()) + 5000);
  if (controlUrl) {
    await control('POST', '/control/v1/clock/advance', { by: 'PT6S' });
  }
  await reported();

  console.log('--- 5. the service purges what waits for the device');
  reported = await send('purged-1', 'never mind');
  await purge();
  await reported();

  await service.close();
  console.log('done');
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

main().catch(fail);
