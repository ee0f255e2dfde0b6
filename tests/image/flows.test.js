/*
 * What users do with the image: the compose files, a suite with Testcontainers, a workflow of GitHub Actions.
 * As they stand in the repository, but for the name of the image.
 */
'use strict';

const assert = require('node:assert/strict');
const { mkdtemp, readFile, rm, writeFile } = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const tls = require('node:tls');

const { ROOT, eventually } = require('../sdk/node/harness');
const { IMAGE, engine, isHealthy, run } = require('./engine');

const SAMPLES = path.join(ROOT, 'scripts', 'samples');
const PYTHON = path.join(ROOT, 'tests', 'samples', '.venv', 'bin', 'python');
const CONTROL = 'http://127.0.0.1:8180';
const PROJECT = process.env.DEVICEBOUND_COMPOSE.split(' ').at(-1);
const TLS_PORTS = [443, 5671, 8883];

/* A compose file, up to where its hub is healthy; what --wait does where the engine watches health. Gives
 * what asks compose for more. */
async function startHub(t, file) {
  const [command, ...options] = process.env.DEVICEBOUND_COMPOSE.split(' ');
  const compose = (...words) => run(command, [...options, '--file', path.join(ROOT, 'docker', file), ...words]);
  t.after(() => compose('down', '--volumes'));
  await compose('up', '--no-build', '--detach', 'hub');
  const id = await engine('ps', '--quiet', '--filter', 'label=com.docker.compose.service=hub',
    '--filter', `label=com.docker.compose.project=${PROJECT}`);
  await eventually(() => isHealthy(id), 'the hub to be healthy');
  return compose;
}

/* A client that trusts the hub by the file it gives away comes in. */
function handshake(port, ca) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ca }, () => resolve(socket.end()));
    socket.once('error', reject);
  });
}

test('docker/compose.yaml: the back end learns that the lamp is on', async (t) => {
  const compose = await startHub(t, 'compose.yaml');
  const said = await compose('up', '--no-build', '--no-recreate', '--abort-on-container-exit',
    '--exit-code-from', 'backend');
  for (const line of ['lamp: connected', 'backend: sent on to lamp', 'lamp: on', 'backend: Success']) {
    assert.match(said, new RegExp(`\\| *(\\x1b\\[0m)? *${line}$`, 'm'));
  }
});

test('docker/compose.test.yaml: a hub on the ports that the SDKs know', async (t) => {
  await startHub(t, 'compose.test.yaml');
  const ca = await (await fetch(`${CONTROL}/ca.pem`)).text();
  await Promise.all(TLS_PORTS.map((port) => handshake(port, ca)));
});

const SUITES = [['Node.js', process.execPath, 'message.js'], ['Python', PYTHON, 'message.py']];
const OLDEST_NODE = 20; // of Testcontainers; Debian 12 has 18
if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  console.log(`| not executed | Testcontainers in Node.js | this is Node.js ${process.versions.node} |`);
  SUITES.shift();
}
for (const [language, command, file] of SUITES) {
  test(`Testcontainers in ${language}: a message is received`, async () => {
    const said = await run(command, [path.join(SAMPLES, 'testcontainers', file)]);
    assert.equal(said, 'received: on');
    assert.equal(await engine('ps', '--all', '--quiet', '--filter', 'label=org.testcontainers=true'), '');
  });
}

/* The job's service, as the runner starts it. */
async function startService(t, { env, ports }) {
  const options = [...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...ports.flatMap((port) => ['--publish', port])];
  const id = await engine('run', '--detach', ...options, IMAGE);
  t.after(() => engine('rm', '--force', '--volumes', id));
  await eventually(() => isHealthy(id), 'the service to be healthy');
}

test('the workflow for GitHub Actions: its steps pass', async (t) => {
  const { jobs: { test: job } } = JSON.parse(await run(PYTHON,
    [path.join(ROOT, 'tests', 'samples', 'workflow.py'), 'json', path.join(SAMPLES, 'github-actions.yml')]));
  await startService(t, job.services.hub);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'devicebound-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const variables = path.join(folder, 'variables');
  await writeFile(variables, '');
  let said = '';
  for (const { run: shell } of job.steps) {
    // Others are the runner's; what npm ci installs is here, and npm's registry need not be.
    if (shell && shell !== 'npm ci') {
      const set = (await readFile(variables, 'utf8')).split('\n').filter(Boolean).map((line) => line.split(/=(.*)/));
      said = await run('bash', ['-eo', 'pipefail', '-c', shell], {
        cwd: path.join(ROOT, job.defaults.run['working-directory']),
        env: { ...process.env, ...job.env, GITHUB_ENV: variables, RUNNER_TEMP: folder, ...Object.fromEntries(set) },
      });
    }
  }
  assert.match(said, /^done$/m); // of scripts/samples/node/c2d.js
});
