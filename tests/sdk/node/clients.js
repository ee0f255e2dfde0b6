/*
 * The SDKs' clients, unmodified, with their events gathered so that a test can wait for each.
 */
'use strict';

const {
  Amqp: ServiceAmqp, AmqpWs: ServiceAmqpWs, Client: ServiceClient, Registry,
} = require('azure-iothub');
const { Client: DeviceClient } = require('azure-iot-device');
const { Amqp, AmqpWs } = require('azure-iot-device-amqp');
const { Http } = require('azure-iot-device-http');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { Message, NoRetry } = require('azure-iot-common');

const { Mailbag, deadline, eventually } = require('./harness');

/* A message of the service side; `fields` are set on it, `properties` added in their order. */
function message(body, fields = {}, properties = {}) {
  const made = new Message(body);
  Object.assign(made, fields);
  for (const [key, value] of Object.entries(properties)) {
    made.properties.add(key, value);
  }
  return made;
}

class Service {
  static async open(connectionString) {
    return Service.of(ServiceClient.fromConnectionString(connectionString));
  }

  static async of(client) {
    client.setRetryPolicy(new NoRetry());
    await deadline(client.open(), 'the service client to open');
    return new Service(client);
  }

  constructor(client) {
    this.client = client;
    this.client.on('error', () => {});
  }

  send(deviceId, sent) {
    return deadline(this.client.send(deviceId, sent), 'the answer to a send');
  }

  close() {
    return deadline(this.client.close(), 'the service client to close');
  }
}

/* The records of a feedback receiver, gathered from all its batches. */
class Feedback {
  static async of(service, hub) {
    const feedback = new Feedback(hub);
    const answer = await deadline(service.client.getFeedbackReceiver(), 'the feedback receiver');
    feedback.receiver = answer.result || answer;
    feedback.receiver.on('message', (batch) => {
      feedback.batches.push(batch);
      feedback.records.push(...JSON.parse(batch.getData().toString()));
    });
    return feedback;
  }

  constructor(hub) {
    this.hub = hub;
    this.batches = [];
    this.records = [];
  }

  /* The record of that message; asks the hub to send what it has until it is there. */
  async record(messageId) {
    const find = () => this.records.find((record) => record.originalMessageId === messageId);
    return eventually(async () => {
      if (!find()) {
        await this.hub.flushFeedback();
      }
      return find();
    }, `feedback about ${messageId}`);
  }
}

class Device {
  static async open(connectionString) {
    return Device.of(DeviceClient.fromConnectionString(connectionString, Amqp));
  }

  /* Connected, its C2D link attached. */
  static async of(client, policy = new NoRetry()) {
    client.setRetryPolicy(policy);
    const device = new Device(client);
    await deadline(client.open(), 'the device client to open');
    client.on('message', (received) => device.messages.put(received));
    // Messages are enabled behind the event's registration; the SDK tells only its debug log when.
    await eventually(() => client._transport._c2dLink || device.errors.length > 0, 'the C2D link');
    return device;
  }

  constructor(client) {
    this.client = client;
    this.messages = new Mailbag('a message on the device');
    this.errors = new Mailbag('an error on the device');
    this.disconnects = new Mailbag('the device to be disconnected');
    client.on('error', (error) => this.errors.put(error));
    client.on('disconnect', (why) => this.disconnects.put(why));
  }

  next() {
    return this.messages.take();
  }

  complete(received) {
    return deadline(this.client.complete(received), 'complete');
  }

  reject(received) {
    return deadline(this.client.reject(received), 'reject');
  }

  abandon(received) {
    return deadline(this.client.abandon(received), 'abandon');
  }

  close() {
    return deadline(this.client.close(), 'the device client to close');
  }
}

module.exports = {
  Amqp, AmqpWs, Device, DeviceClient, Feedback, Http, Message, Mqtt, MqttWs, NoRetry, Registry, Service,
  ServiceAmqp, ServiceAmqpWs, ServiceClient, message,
};
