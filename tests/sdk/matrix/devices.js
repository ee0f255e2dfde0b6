/*
 * Devices over every transport of the SDK, with every kind of credential.
 */
'use strict';

const https = require('node:https');

const { deadline, eventually, keyOf } = require('../node/harness');
const {
  Amqp, AmqpWs, Device, DeviceClient, Http, Mqtt, MqttWs, NoRetry, Registry,
} = require('../node/clients');
const { thumbprint } = require('./certificates');

const TRANSPORTS = { Amqp, AmqpWs, Mqtt, MqttWs, Http };
const POLL_SECONDS = 0.02; // HTTPS has no push: the SDK asks, by default each second
const PROPERTY_PREFIX = 'iothub-app-'; // which the SDK leaves on names over HTTPS

/* Registers a device for its credential: { authentication, cert } as `clientOf` takes them. */
async function register(hub, deviceId, { authentication, cert }, registry = registryOf(hub)) {
  const forms = {
    key: { type: 'sas', symmetricKey: { primaryKey: keyOf(deviceId), secondaryKey: keyOf(`${deviceId} 2`) } },
    thumbprint: cert && { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: thumbprint({ cert }) } },
    ca: { type: 'certificateAuthority' },
  };
  forms.token = forms.key;
  await registry.create({ deviceId, status: 'enabled', authentication: forms[authentication] });
}

function registryOf(hub) {
  return Registry.fromConnectionString(hub.serviceConnectionString());
}

/* An unmodified client. `credential`: { authentication, cert, key }. */
async function clientOf(hub, transport, deviceId, credential, agent) {
  const Transport = TRANSPORTS[transport];
  const { authentication, cert, key } = credential;
  let client;
  if (authentication === 'key') {
    client = DeviceClient.fromConnectionString(hub.deviceConnectionString(deviceId), Transport);
  } else if (authentication === 'token') {
    client = DeviceClient.fromSharedAccessSignature(hub.deviceToken(deviceId), Transport);
  } else {
    client = DeviceClient.fromConnectionString(
      `HostName=${hub.address};DeviceId=${deviceId};x509=true`, Transport);
  }
  const polling = { http: { agent, receivePolicy: { interval: POLL_SECONDS, drain: true } } };
  const options = { ...(cert ? { cert, key } : {}), ...(transport === 'Http' ? polling : {}) };
  if (Object.keys(options).length > 0) {
    await client.setOptions(options);
  }
  return client;
}

/* The SDK tells only its debug log when messages are enabled. */
function isReceiving({ _transport: transport }) {
  return transport._c2dLink || transport._topics?.message?.subscribed || transport._receiverStarted;
}

class AnyDevice extends Device {
  /* Connected and receiving, or with an error in `errors`. */
  static async connect(hub, transport, deviceId, credential) {
    const agent = transport === 'Http' ? new https.Agent({ keepAlive: true }) : undefined;
    const client = await clientOf(hub, transport, deviceId, credential, agent);
    client.setRetryPolicy(new NoRetry());
    const device = new AnyDevice(client);
    device.transport = transport;
    device.deviceId = deviceId;
    device.agent = agent;
    // Before open: what waits for an MQTT session comes right behind the hub's CONNACK.
    client.on('message', (received) => device.messages.put(received));
    await deadline(client.open(), `${transport} to open`);
    await eventually(() => isReceiving(client) || device.errors.length > 0, 'messages to be enabled');
    return device;
  }

  /* Once this is over, nothing of this client is on its way to the hub. */
  async close() {
    await super.close();
    if (this.agent) {
      await eventually(() => Object.keys(this.agent.sockets).length === 0, 'the last poll');
      this.agent.destroy();
    }
  }

  /* The application properties of a message as its sender wrote them: { name: value }. Over HTTPS
   * the SDK gives header names and, byte by byte, header values. */
  properties(received) {
    const found = {};
    for (const { key, value } of received.properties.propertyList) {
      if (this.transport !== 'Http') {
        found[key] = value;
      } else {
        found[key.slice(PROPERTY_PREFIX.length)] = Buffer.from(value, 'latin1').toString();
      }
    }
    delete found['iothub-ack'];
    return found;
  }
}

module.exports = { AnyDevice, TRANSPORTS, clientOf, register, registryOf };
