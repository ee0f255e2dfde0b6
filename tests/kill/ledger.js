/*
 * What the hub has promised, and whether it keeps it. The clients tell each send, answer, delivery,
 * settlement and feedback batch as they see them; the ledger gathers every breach in `breaches`.
 *
 * An operation whose answer was still missing when the hub was killed may have happened or not:
 * afterwards the ledger knows only what it could be, until something the hub says settles it.
 *
 * How a message ends (`end`) is the feedback status that its settlement asks for.
 */
'use strict';

const WANTED = {
  none: [], positive: ['Success'], negative: ['Rejected'], full: ['Success', 'Rejected'],
};

class Message {
  constructor(id, device, sender, ack) {
    Object.assign(this, { id, device, sender, ack });
    this.sent = 'open'; // then accepted, refused or lost
    this.sequence = null;
    this.deliveries = 0;
    this.end = null; // acknowledged: it has ended, thus
    this.possibleEnds = new Set(); // asked for since the last delivery, not acknowledged
    this.leastCount = 0; // abandons acknowledged
    this.mostCount = 0; // abandons asked for
    this.lockedSince = null; // the epoch of the clock, while a lock must hold
    this.records = [];
  }

  wants(status) {
    return WANTED[this.ack].includes(status);
  }

  /* Nothing about it is left to be done. */
  get isOver() {
    return this.sent === 'refused' || this.end !== null || this.records.length > 0;
  }
}

class Ledger {
  constructor() {
    this.messages = new Map();
    this.sequences = new Map(); // device and number -> message
    this.undelivered = new Map(); // device -> how many messages it may yet be given
    this.batches = new Map(); // feedback batches by their number
    this.open = new Set(); // operations without an answer, each a function that it is lost
    this.epoch = 0; // how often the hub's clock was moved past every lock
    this.breaches = [];
    this.reached = { answers: Infinity, call: null };
    this.totals = { acknowledged: 0, lost: 0, deliveries: 0, repeatedBatches: 0 };
  }

  breach(sentence, message) {
    this.breaches.push(message ? `${sentence}: ${JSON.stringify(message, (key, value) => (
      value instanceof Set ? [...value] : value))}` : sentence);
  }

  /* An operation that wants an answer. Gives the function to call with that answer, once. */
  begin(answered, lost) {
    const operation = () => lost();
    this.open.add(operation);
    return (...answer) => {
      if (this.open.delete(operation)) {
        answered(...answer);
        if (++this.totals.acknowledged >= this.reached.answers) {
          this.reached.call();
        }
      }
    };
  }

  /* Fulfilled once that many more answers have come. */
  afterAnswers(count) {
    return new Promise((resolve) => {
      this.reached = { answers: this.totals.acknowledged + count, call: resolve };
    });
  }

  /* The hub is dead and everything it had said was heard. Gives how many answers are missing. */
  hubDied() {
    const missing = this.open.size;
    this.open.forEach((lost) => lost());
    this.open.clear();
    this.totals.lost += missing;
    return missing;
  }

  /* ---- sending ---- */

  /* Gives { message, answered(accepted) }. */
  send(device, sender, ack) {
    const message = new Message(`m${this.messages.size}`, device, sender, ack);
    this.messages.set(message.id, message);
    this.countUndelivered(message, 1);
    const answered = this.begin((accepted) => {
      message.sent = accepted ? 'accepted' : 'refused';
      if (!accepted && message.deliveries > 0) {
        this.breach('delivered and yet refused', message);
      }
      this.countUndelivered(message, accepted ? 0 : -1);
    }, () => {
      message.sent = 'lost';
      this.countUndelivered(message, message.deliveries > 0 ? 0 : -1);
    });
    return { message, answered };
  }

  countUndelivered({ device }, change) {
    this.undelivered.set(device, (this.undelivered.get(device) || 0) + change);
  }

  /* ---- receiving ---- */

  /* `keepsLock`: its lock holds until the clock moves. Gives the message, or null after a breach. */
  deliver(id, device, { sequence = null, count = null, keepsLock }) {
    const message = this.messages.get(id);
    if (!message || message.device !== device) {
      this.breach(`${device} was given ${id}, which was not sent to it`);
      return null;
    }
    this.totals.deliveries++;
    message.deliveries++;
    if (message.deliveries === 1 && message.sent !== 'lost') {
      this.countUndelivered(message, -1);
    }
    if (message.isOver) {
      this.breach('came back after its end', message);
    }
    if (keepsLock && message.lockedSince === this.epoch) {
      this.breach('given again while it was locked', message);
    }
    this.noteSequence(message, sequence);
    this.noteCount(message, count);
    message.possibleEnds.clear(); // none of them happened
    message.lockedSince = keepsLock ? this.epoch : null;
    return message;
  }

  noteSequence(message, sequence) {
    if (sequence === null) {
      return;
    }
    const key = `${message.device} ${sequence}`;
    const owner = this.sequences.get(key) || message;
    if (owner !== message || (message.sequence !== null && message.sequence !== sequence)) {
      this.breach(`comes under number ${sequence}, as ${owner.id} did`, message);
    }
    this.sequences.set(key, message);
    message.sequence = sequence;
  }

  noteCount(message, count) {
    if (count === null) {
      return;
    }
    if (count < message.leastCount || count > message.mostCount) {
      this.breach(`delivery count ${count}`, message);
    }
    message.leastCount = count;
    message.mostCount = count;
  }

  /* ---- settling: act is complete, reject or abandon ---- */

  /* Without an answer, as far as the hub tells. */
  settleUnanswered(message, act) {
    message.lockedSince = act === 'abandon' ? null : message.lockedSince;
    if (act === 'abandon') {
      message.mostCount++;
    } else {
      message.possibleEnds.add(act === 'complete' ? 'Success' : 'Rejected');
    }
  }

  /* Gives the function to call with whether the hub did it. */
  settle(message, act) {
    this.settleUnanswered(message, act);
    const delivery = message.deliveries;
    return this.begin((done) => {
      if (!done) {
        this.breach(`${act} was refused`, message);
      } else if (act === 'abandon') {
        // A further delivery that overtook this answer has told the count already.
        message.leastCount += message.deliveries === delivery ? 1 : 0;
      } else {
        message.end = act === 'complete' ? 'Success' : 'Rejected';
        if (message.deliveries !== delivery) {
          this.breach(`came back, and yet ${act} was acknowledged`, message);
        }
      }
    }, () => {});
  }

  /* The clock has been moved past the end of every lock. */
  locksLapsed() {
    this.epoch++;
  }

  /* ---- feedback ---- */

  /* Gives the function to call with whether the hub took its completion. */
  feedback(number, body) {
    const batch = this.batches.get(number);
    if (batch) {
      this.repeatBatch(number, batch, body);
    } else {
      this.batches.set(number, { body, isCompleted: false, receivedIn: this.epoch });
      JSON.parse(body).forEach((record) => this.record(record));
    }
    return this.begin((done) => {
      if (!done) {
        this.breach(`feedback batch ${number}: its completion was refused`);
      }
      this.batches.get(number).isCompleted = true;
    }, () => {});
  }

  repeatBatch(number, batch, body) {
    this.totals.repeatedBatches++;
    if (batch.body !== body) {
      this.breach(`feedback batch ${number} has another body: ${batch.body}, then ${body}`);
    }
    if (batch.isCompleted) {
      this.breach(`feedback batch ${number} came back after its completion was acknowledged`);
    }
    if (batch.receivedIn === this.epoch) {
      this.breach(`feedback batch ${number} was given again while it was locked`);
    }
    batch.receivedIn = this.epoch;
  }

  record({ originalMessageId, deviceId, statusCode }) {
    const message = this.messages.get(originalMessageId);
    if (!message || message.device !== deviceId) {
      this.breach(`feedback about ${originalMessageId} of ${deviceId}, which was not sent`);
      return;
    }
    message.records.push(statusCode);
    if (message.records.length > 1) {
      this.breach('more than one record', message);
    }
    if (!message.wants(statusCode)) {
      this.breach('a record nobody asked for', message);
    }
    if (message.end ? message.end !== statusCode : !message.possibleEnds.has(statusCode)) {
      this.breach(`a record of an end it cannot have had: ${statusCode}`, message);
    }
  }

  /* ---- the end ---- */

  /* Accepted and not yet ended, as far as anybody can tell. */
  unfinished() {
    return [...this.messages.values()].filter((message) => message.sent === 'accepted'
      && !message.isOver && message.possibleEnds.size === 0);
  }

  /* Every message has had its chance: what must have been seen by now? */
  close() {
    for (const message of this.messages.values()) {
      if (message.sent === 'accepted' && message.deliveries === 0) {
        this.breach('accepted and never delivered', message);
      }
      const ends = message.end ? [message.end] : [...message.possibleEnds];
      if (message.deliveries > 0 && ends.length === 0 && message.records.length === 0) {
        this.breach('delivered and not ended', message);
      }
      if (ends.length > 0 && ends.every((end) => message.wants(end)) && message.records.length !== 1) {
        this.breach('ended without the record it asked for', message);
      }
    }
    this.checkOrder();
  }

  /* What one sender sent to one device has numbers in the order of sending. */
  checkOrder() {
    const last = new Map();
    for (const message of this.messages.values()) {
      if (message.sequence !== null) {
        const key = `${message.sender} ${message.device}`;
        const before = last.get(key);
        if (before && before.sequence >= message.sequence) {
          this.breach(`numbered before ${before.id}, which was sent earlier`, message);
        }
        last.set(key, message);
      }
    }
  }
}

module.exports = { Ledger };
