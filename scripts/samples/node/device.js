/*
 * A device: a lamp that is switched by cloud-to-device messages. As a program it runs until it is
 * stopped:
 *
 *     DEVICE_CONNECTION_STRING='HostName=…;DeviceId=lamp;SharedAccessKey=…' node device.js
 */
'use strict';

const { Client } = require('azure-iot-device');
const { Amqp } = require('azure-iot-device-amqp');

class Lamp {
  static async connect(connectionString) {
    const lamp = new Lamp(Client.fromConnectionString(connectionString, Amqp));
    await lamp.client.open();
    lamp.client.on('message', (message) => lamp.obey(message));
    return lamp;
  }

  constructor(client) {
    this.client = client;
    this.isOn = false;
    // Connecting again is the client's affair; messages wait in the hub for it.
    client.on('error', (error) => console.error(`lamp: ${error.message}`));
  }

  /* A command that it knows is carried out and completed. Any other it will not know the next time
   * either: rejected, it does not come again. */
  async obey(message) {
    const command = message.getData().toString();
    const isKnown = command === 'on' || command === 'off';
    if (isKnown) {
      this.isOn = command === 'on';
    }
    console.log(`lamp: ${command}${isKnown ? '' : '? rejected'}`);
    await (isKnown ? this.client.complete(message) : this.client.reject(message));
  }

  close() {
    return this.client.close();
  }
}

module.exports = { Lamp };

if (require.main === module) {
  Lamp.connect(process.env.DEVICE_CONNECTION_STRING).then((lamp) => {
    console.log('lamp: connected');
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.once(signal, () => lamp.close());
    }
  });
}
