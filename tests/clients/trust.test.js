/*
 * The README's recipes for trusting the hub, as they stand there: with its recipe a client comes in, without
 * it (or with half of it) it does not. What is not executed is printed, with the reason.
 */
'use strict';

const assert = require('node:assert/strict');
const { execFile, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { promisify } = require('node:util');

const { Hub, ROOT } = require('../sdk/node/harness');

const ADDRESS = '127.0.60.22';
const LIMIT_MS = 120000; // Go compiles the better part of its library
const PYTHON = path.join(ROOT, 'tests', 'sdk', 'python', '.venv', 'bin', 'python');

const program = (interpreter, text) => `${interpreter} <<'END'\n${text}\nEND`;

const NODE = program(process.execPath, `
  const device = require('azure-iot-device').Client.fromConnectionString(process.env.DEVICE,
    require('azure-iot-device-amqp').Amqp);
  const service = require('azure-iothub').Client.fromConnectionString(process.env.SERVICE);
  const registry = require('azure-iothub').Registry.fromConnectionString(process.env.SERVICE);
  registry.get('d1').then(() => service.open()).then(() => device.open()).then(() => process.exit(), (error) => {
    console.error(error);
    process.exit(1);
  });`);

const pythonDevice = (argument) => program(PYTHON, `
import os
from azure.iot.device import IoTHubDeviceClient
device = IoTHubDeviceClient.create_from_connection_string(
    os.environ["DEVICE"], connection_retry=False, ${argument})
device.connect()
device.shutdown()`);

const PYTHON_SERVICE = program(PYTHON, `
import os
from azure.iot.hub import IoTHubRegistryManager
service = IoTHubRegistryManager.from_connection_string(os.environ["SERVICE"])
service.get_device("d1")
service.send_c2d_message("d1", "hello")
service.amqp_svc_client.disconnect_sync()`);

const JAVA = `cat >Trust.java <<'END'
class Trust {
    public static void main(String[] words) throws Exception {
        javax.net.ssl.SSLSocketFactory.getDefault().createSocket("${ADDRESS}", 5671).getOutputStream().write('A');
    }
}
END
`;

const GO = `cat >trust.go <<'END'
package main

import "crypto/tls"

func main() {
	if _, err := tls.Dial("tcp", "${ADDRESS}:5671", nil); err != nil {
		panic(err)
	}
}
END
`;

/* The clients of the table. Each gives, from the code in its row, the command that trusts, and those that
 * must not get in; `needs` is a program that not every machine has. */
const CLIENTS = {
  'Node.js': { commands: ([variable]) => [`${variable} ${NODE}`, NODE] },
  'Python, devices': { commands: ([argument]) => [pythonDevice(argument), pythonDevice('')] },
  'Python, services': {
    commands: ([messages, registry]) => [`${messages} ${registry} ${PYTHON_SERVICE}`,
      `${registry} ${PYTHON_SERVICE}`, `${messages} ${PYTHON_SERVICE}`],
  },
  Java: {
    needs: 'keytool',
    commands: ([keytool, java]) => [`${JAVA} ${keytool} && ${java} Trust.java`, `${JAVA} java Trust.java`],
  },
  'Java, SDKs before 2.0': { reason: 'run by tests/sdk/java' },
  Go: { needs: 'go', commands: ([variable]) => [`${GO} ${variable} go run trust.go`, `${GO} go run trust.go`] },
  '.NET': { reason: 'after its documentation' },
  C: { reason: 'after its documentation' },
  curl: { commands: ([curl]) => [`${curl} https://${ADDRESS}/`, `curl https://${ADDRESS}/`] },
  mosquitto: {
    commands: ([publish]) => [publish, 'mosquitto_pub --capath /etc/ssl/certs'].map((command) => `${command} \\
      -h ${ADDRESS} -p 8883 -V mqttv311 -q 1 -i d1 -u '${ADDRESS}/d1/?api-version=2021-04-12' -P "$PASSWORD" \\
      -t devices/d1/messages/events/ -m hello`),
  },
  openssl: {
    commands: ([client]) => [client, 'openssl s_client -verify_return_error']
      .map((command) => `${command} -connect ${ADDRESS}:5671 </dev/null`),
  },
};

/* { client: the code in its row } */
function readRecipes() {
  const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const [, table] = /^## Trust its certificate$[^]*?^\| client \| how \|\n\|---\|---\|\n([^]*?)\n\n/m.exec(readme);
  return Object.fromEntries(table.split('\n').map((row) => {
    const [, client, how] = /^\| (.*?) \| (.*) \|$/.exec(row);
    return [client, [...how.matchAll(/`([^`]*)`/g)].map(([, code]) => code)];
  }));
}

function isHere(name) {
  try {
    return Boolean(execFileSync('sh', ['-c', `command -v ${name}`]));
  } catch {
    return false;
  }
}

const RECIPES = readRecipes();
let hub;

test.before(async () => {
  hub = await Hub.start({ address: ADDRESS, devices: ['d1'], options: ['--mqtts-port', '8883'] });
});

test.after(() => hub.stop());

/* In the folder with ca.pem, as a user would; nothing of this process's own trust goes along. */
function run(command) {
  const { PATH, HOME } = process.env;
  return promisify(execFile)('sh', ['-c', command], {
    cwd: hub.directory,
    timeout: LIMIT_MS,
    env: {
      PATH,
      HOME,
      NODE_NO_WARNINGS: '1', // the SDK gives TLS an IP address as server name
      NODE_PATH: path.join(ROOT, 'tests', 'node_modules'),
      SERVICE: hub.serviceConnectionString(),
      DEVICE: hub.deviceConnectionString('d1'),
      PASSWORD: hub.deviceToken('d1'),
    },
  });
}

test('every client of the README\'s table has its test', () => {
  assert.deepEqual(Object.keys(RECIPES), Object.keys(CLIENTS));
});

test.describe('a client trusts the hub by its recipe, and not without', { concurrency: true }, () => {
  for (const [client, { commands, needs, reason }] of Object.entries(CLIENTS)) {
    if (reason || (needs && !isHere(needs))) {
      console.log(`| not executed | ${client} | ${reason || `no ${needs} on this machine`} |`);
      continue;
    }
    test(client, async () => {
      const [trusting, ...doubting] = commands(RECIPES[client]);
      await run(trusting);
      for (const command of doubting) {
        const failed = await run(command).catch((error) => error);
        assert.equal(failed.killed, false, `${command} took too long`);
        assert.match(`${failed.stdout}${failed.stderr}`, /certificate|CERTIFICATE|PKIX|TLS|Authorization timeout/, command);
      }
    });
  }
});
