/*
 * What can go wrong, and why there is nothing to see of some of it: for the suites that look at each
 * action at each operation.
 */
'use strict';

const AFTER = { when: 'afterCommit' };
const DELAY_MS = 200;
const ACTIONS = {
  delay: { type: 'delay', duration: 'PT0.2S' },
  drop: { type: 'drop' },
  'drop after': { type: 'drop', ...AFTER },
  close: { type: 'close' },
  'close after': { type: 'close', ...AFTER },
  error: { type: 'error', code: 429001 },
  duplicate: { type: 'duplicate' },
  'lose-ack': { type: 'lose-ack' },
  'expire-lock': { type: 'expire-lock' },
};

const SERVICE_SENDS = 'send to a device'; // beside send, which is telemetry: the same operation of a rule
const OPERATIONS = ['connect', 'authenticate', 'attach', 'send', SERVICE_SENDS, 'deliver', 'settle', 'feedback'];
const FRESH = ['connect', 'authenticate', 'attach'];
const OF_SERVICES = [SERVICE_SENDS, 'feedback'];

/* Why there is nothing to see of an action at an operation; a false value: there is. */
function reason(protocol, operation, name) {
  if (protocol === 'https' && operation === 'attach') {
    return 'no links';
  }
  if (protocol === 'mqtt' && OF_SERVICES.includes(operation)) {
    return 'no services';
  }
  const works = !FRESH.includes(operation);
  const gives = operation === 'deliver' || operation === 'feedback';
  return {
    'drop after': (!works || gives) && 'commits nothing',
    'close after': (!works || gives) && 'commits nothing',
    duplicate: !gives && 'gives nothing',
    'lose-ack': (!works && 'does nothing else')
      || ((gives || (protocol === 'mqtt' && operation === 'settle')) && 'is not answered'),
    'expire-lock': operation !== 'settle' && 'ends no lock',
  }[name];
}

const head = (title) => `| ${title} | ${Object.keys(ACTIONS).join(' | ')} |`;

/* `cells`: what was seen of each action; `why`: of one that was not. */
function row(operation, cells, why) {
  return `| ${operation} | ${Object.keys(ACTIONS).map((name) => cells[name] ?? `– ${why(name)}`).join(' | ')} |`;
}

module.exports = { ACTIONS, DELAY_MS, FRESH, OF_SERVICES, OPERATIONS, SERVICE_SENDS, head, reason, row };
