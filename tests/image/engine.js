/* Docker, or podman, whose command line is the same: tests/image/run says which. */
'use strict';

const { execFile } = require('node:child_process');
const { promisify } = require('node:util');

const { DEVICEBOUND_ENGINE: ENGINE, DEVICEBOUND_IMAGE: IMAGE } = process.env;

/* What a program prints. */
async function run(command, words, options) {
  const { stdout } = await promisify(execFile)(command, words, { timeout: 120000, ...options });
  return stdout.trim();
}

const engine = (...words) => run(ENGINE, words);

/* Docker asks by itself, podman when it is told to. */
async function isHealthy(id) {
  if (ENGINE === 'podman') {
    return engine('healthcheck', 'run', id).then(() => true, () => false);
  }
  return (await engine('inspect', '--format', '{{.State.Health.Status}}', id)) === 'healthy';
}

module.exports = { ENGINE, IMAGE, engine, isHealthy, run };
