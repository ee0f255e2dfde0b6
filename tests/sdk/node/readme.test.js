'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const test = require('node:test');

const { Hub, ROOT, eventually } = require('./harness');

const README = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
const [, EXAMPLE] = /<!-- example -->\n```js\n([^]*?)```/.exec(README);
const [, WELL_KNOWN_KEY] = /SharedAccessKeyName=iothubowner;SharedAccessKey=([^']+)'/.exec(EXAMPLE);

test('the README\'s first example receives its message, with the connection strings that every hub prints', async (t) => {
  const hub = await Hub.start({
    address: '127.0.20.18', options: ['--device', 'demo', '--shared-access-key', WELL_KNOWN_KEY],
  });
  t.after(() => hub.stop());
  for (const line of ['service: ', 'device:  ']) {
    const announced = await eventually(() => hub.log.find((text) => text.startsWith(line)), line);
    assert.ok(README.includes(announced.replaceAll(hub.address, '127.0.0.1')), announced);
  }
  const { stdout } = await promisify(execFile)(
    process.execPath, ['-e', EXAMPLE.replaceAll('127.0.0.1', hub.address)],
    { cwd: __dirname, timeout: 30000 });
  assert.equal(stdout, 'received: switch the light on\n');
});
