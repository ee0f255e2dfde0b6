/*
 * Devices over every transport of the SDK, with every kind of credential.
 */
'use strict';

const assert = require('node:assert/strict');
const https = require('node:https');

const { deadline, eventually, keyOf } = require('../node/harness');
const {
  Amqp, AmqpWs, Device, DeviceClient, Http, Mqtt, MqttWs, NoRetry, Registry,
} = require('../node/clients');
const { thumbprint } = require('./certificates');

const TRANSPORTS = { Amqp, AmqpWs, Mqtt, MqttWs, Http };
const PROTOCOLS = { Amqp: 'amqp', AmqpWs: 'amqpWs', Mqtt: 'mqtt', MqttWs: 'mqttWs', Http: 'https' };
const POLL_SECONDS = 0.02; // HTTPS has no push: the SDK asks, by default each second
const PROPERTY_PREFIX = 'iothub-app-'; // which the SDK leaves on names over HTTPS

/* Registers a device for its credential: { authentication, cert } as `clientOf` takes them. */
async function register(hub, deviceId, { authentication, cert }, registry = registryOf(hub)) {
  const forms = {
    key: { type: 'sas', symmetricKey: { primaryKey: keyOf(deviceId), secondaryKey: keyOf(`${deviceId} 2`) } },
    thumbprint: cert && { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: thumbprint({ cert }) } },
    ca: { type: 'certificateAuthority' },
  };
  forms.token = forms.key; // a token is signed with it
  await registry.create({ deviceId, status: 'enabled', authentication: forms[authentication] });
}

function registryOf(hub) {
  return Registry.fromConnectionString(hub.serviceConnectionString());
}

/* An unmodified client. `credential`: { authentication, cert, key, sharedKey }. */
async function clientOf(hub, transport, deviceId, credential, agent) {
  const Transport = TRANSPORTS[transport];
  const { cert, key, authentication = 'certificate', sharedKey = keyOf(deviceId) } = credential;
  let client;
  if (authentication === 'key') {
    client = DeviceClient.fromConnectionString(hub.deviceConnectionString(deviceId, sharedKey), Transport);
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

const live = new Set(); // connected and not closed

class AnyDevice extends Device {
  /* Connected and receiving, or already told that it may not. */
  static async connect(hub, transport, deviceId, credential, policy = new NoRetry()) {
    const agent = transport === 'Http' ? new https.Agent({ keepAlive: true }) : undefined;
    const client = await clientOf(hub, transport, deviceId, credential, agent);
    client.setRetryPolicy(policy);
    const device = new AnyDevice(client);
    device.transport = transport;
    device.deviceId = deviceId;
    device.agent = agent;
    live.add(device);
    if (transport === 'Http') {
      // A poll that is refused is told to the debug log alone.
      client._transport.on('error', (error) => device.errors.put(error));
    }
    // Before open: what waits for an MQTT session comes right behind the hub's CONNACK.
    client.on('message', (received) => device.messages.put(received));
    try {
      await deadline(client.open(), `${transport} to open`);
      await eventually(() => isReceiving(client) || device.hasEnded(), 'messages to be enabled');
    } catch (error) {
      await device.close().catch(() => {});
      throw error;
    }
    return device;
  }

  /* For what failed tests have left behind: the process does not end before it. */
  static closeAll() {
    return Promise.allSettled([...live].map((device) => device.close()));
  }

  hasEnded() {
    return this.errors.length + this.disconnects.length > 0;
  }

  /* The error that the device is told when its connection ends, or over HTTPS when a poll is
   * refused. */
  async end() {
    await eventually(() => this.hasEnded(), 'the device to be told of its end');
    const [told] = [...this.errors.items, ...this.disconnects.items];
    return told.transportObj ?? told; // the event of a disconnection wraps its error
  }

  /* Once this is over, nothing of this client is on its way to the hub. */
  async close() {
    live.delete(this);
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

/* What the hub has of connections of that device, or policy. */
async function connectionsOf(hub, identity) {
  const { items } = await hub.ask('GET', '/control/v1/connections?limit=1000');
  return items.filter((one) => one.identity === identity);
}

async function protocolsOf(hub, identity) {
  return (await connectionsOf(hub, identity)).map(({ protocol }) => protocol);
}

/* The error of a client that the hub does not let in, however its transport shows it. */
async function refusal(hub, transport, deviceId, credential) {
  let device;
  try {
    device = await AnyDevice.connect(hub, transport, deviceId, credential);
  } catch (error) {
    return error;
  }
  const error = await device.end();
  await device.close().catch(() => {});
  return error;
}

/* Asserts that `error` is what the SDK makes of bad credentials. */
function assertRefused(transport, error) {
  if (transport === 'Http') {
    assert.equal(error.response?.statusCode, 401, String(error));
  } else {
    assert.equal(error.name, 'UnauthorizedError', String(error));
  }
}

module.exports = {
  AnyDevice, PROTOCOLS, TRANSPORTS, assertRefused, connectionsOf, protocolsOf, refusal, register, registryOf,
};
