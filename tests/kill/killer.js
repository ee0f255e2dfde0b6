/*
 * A thread that kills: its moment has nothing to do with what the clients' thread happens to do, so
 * that it strikes the hub anywhere in its work.
 */
'use strict';

const { parentPort } = require('node:worker_threads');

const nobody = new Int32Array(new SharedArrayBuffer(4));

parentPort.on('message', ({ pid, afterMs }) => {
  Atomics.wait(nobody, 0, 0, afterMs);
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself; whoever waits for its end sees how.
  }
});
