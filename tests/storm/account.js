/*
 * Four views of one message, which have to agree: what the service was told of its send, what devices
 * were given and did, what the hub's journal says, what feedback says.
 */
'use strict';

const ENDS = {
  completed: 'Success', rejected: 'Rejected', expired: 'Expired',
  deliveryCountExceeded: 'DeliveryCountExceeded',
};
/* What a device's act may be called in the journal. */
const EFFECTS = {
  complete: ['completed'], reject: ['rejected'], abandon: ['abandoned', 'deliveryCountExceeded'],
};

class Sent {
  constructor(id, device, ack, expires) {
    Object.assign(this, { id, device, ack, expires });
    this.accepted = null; // then true or false
    this.acts = []; // of devices, in order: what, and between which moves of the clock
    this.given = 0; // to devices, as they saw it
    this.journal = []; // its entries
    this.lapses = new Set(); // after which moves of the clock its lock had ended
    this.records = []; // of feedback
  }

  get end() {
    return this.journal.find(({ event }) => event in ENDS);
  }
}

class Account {
  constructor() {
    this.messages = new Map();
    this.deliveries = new Map(); // device -> entries "delivered" of the journal, in order
    this.alive = new Set(); // messages without an end, as far as the journal was read
    this.batches = new Set(); // of feedback, by their bodies
    this.repeatedBatches = 0;
    this.breaches = [];
    this.lastEntry = 0;
    this.moves = 0; // of the clock
  }

  breach(sentence, message) {
    const { journal, lapses, ...rest } = message;
    const story = journal.map(({ event, from, protocol }) => `${event}<${from}/${protocol || 'hub'}`);
    this.breaches.push(`${sentence}: ${JSON.stringify({ ...rest, lapses: [...lapses] })} ${story.join(' ')}`);
  }

  send(device, ack, expires) {
    const message = new Sent(`m${this.messages.size}`, device, ack, expires);
    this.messages.set(message.id, message);
    this.alive.add(message);
    return message;
  }

  /* ---- the journal ---- */

  /* Takes in what is new. */
  async read(hub) {
    let page;
    do {
      page = await hub.ask('GET', `/control/v1/journal?after=${this.lastEntry}&limit=1000`);
      page.items.forEach((entry) => this.note(entry));
      this.lastEntry = page.items.at(-1)?.id ?? this.lastEntry;
    } while (page.next !== null);
    if (page.dropped > 0 && page.items[0]?.id > this.lastEntry + 1) {
      this.breaches.push('the journal lost entries before they were read');
    }
  }

  note(entry) {
    const message = entry.sequenceNumber && entry.device ? this.messages.get(entry.messageId) : null;
    if (!message) {
      return;
    }
    if (message.end) {
      this.breach(`${entry.event} after its end`, message);
    }
    message.journal.push(entry);
    if (message.end) {
      this.alive.delete(message);
    }
    if (entry.event === 'lockExpired' || entry.event === 'expired') {
      message.lapses.add(this.moves);
    }
    if (entry.event === 'delivered' || (entry.event === 'completed' && entry.from === 'enqueued')) {
      const all = this.deliveries.get(entry.device) || [];
      all.push(entry);
      this.deliveries.set(entry.device, all);
    }
  }

  /* ---- what devices did ---- */

  /* Notes it before it is done. `receivedIn`: `moves` when the device was given the message. Gives the
   * act, which is no longer `isCertain` once its connection is lost, and `isRefused` if the hub says
   * so. */
  act(message, what, protocol, receivedIn) {
    const act = { what, protocol, receivedIn, doneIn: this.moves, isCertain: true };
    message.acts.push(act);
    return act;
  }

  /* The lock was there: what the device asked for has to happen. What is on its way, to the device or
   * from it, while the clock is moved may come late, so it need not happen if the lock ended then. */
  mustHappen({ lapses }, { isCertain, isBeforeMove, receivedIn, doneIn }) {
    return isCertain && receivedIn === doneIn && !lapses.has(receivedIn)
      && (isBeforeMove || !lapses.has(doneIn + 1));
  }

  /* The journal has to show all acts there are before the clock is moved. */
  beforeMove() {
    this.alive.forEach(({ acts }) => acts.forEach((act) => {
      act.isBeforeMove ||= act.doneIn === this.moves;
    }));
  }

  /* Messages whose acts before the move are not all in the journal. */
  unseenActs() {
    return [...this.alive].filter((message) => !this.matchActs(message, (act) => act.isBeforeMove));
  }

  /* Whether each act that must happen is in the journal, in order, and each settlement in the journal
   * is an act: but over MQTT the SDK acknowledges what comes while it closes without telling anybody. */
  matchActs(message, counts = () => true) {
    const effects = message.journal.filter(({ event, from }) => from === 'invisible'
      && Object.values(EFFECTS).flat().includes(event));
    const match = (acts, left) => {
      if (acts.length === 0) {
        return left.every(({ protocol }) => protocol.startsWith('mqtt'));
      }
      const [act, ...later] = acts;
      const isSeen = left.length > 0 && !act.isRefused && act.protocol === left[0].protocol
        && EFFECTS[act.what].includes(left[0].event);
      return (isSeen && match(later, left.slice(1)))
        || (!(counts(act) && this.mustHappen(message, act)) && match(later, left));
    };
    return match(message.acts, effects);
  }

  /* What a connection was given comes from the journal's deliveries, in their order. `given` holds
   * message ids. */
  checkArrivals(device, given) {
    const entries = this.deliveries.get(device) || [];
    let next = 0;
    for (const id of given) {
      while (next < entries.length && entries[next].messageId !== id) {
        next++;
      }
      if (next++ >= entries.length) {
        this.breaches.push(`${device} was given ${given.join(' ')}, out of the order of its queue`);
        return;
      }
    }
  }

  /* ---- feedback ---- */

  /* A batch that is on its way while the clock is moved past its lock comes once more, as it was. */
  feedback(body) {
    if (this.batches.has(body)) {
      this.repeatedBatches++;
      return;
    }
    this.batches.add(body);
    for (const { originalMessageId, statusCode } of JSON.parse(body)) {
      this.messages.get(originalMessageId).records.push(statusCode);
    }
  }

  /* ---- the end ---- */

  check() {
    for (const message of this.messages.values()) {
      if (message.accepted) {
        this.checkEnd(message);
      } else if (message.given > 0 || message.journal.some(({ event }) => event === 'enqueued')) {
        this.breach('refused and yet there', message);
      }
    }
    if (this.repeatedBatches > this.moves) {
      this.breaches.push(`${this.repeatedBatches} batches of feedback came again`);
    }
    this.deliveries.forEach((entries) => this.checkOrder(entries));
  }

  checkEnd(message) {
    const ends = message.journal.filter(({ event }) => event in ENDS);
    if (ends.length !== 1) {
      this.breach(`${ends.length} ends`, message);
      return;
    }
    const expected = message.ack === 'full' ? [ENDS[ends[0].event]] : [];
    if (message.records.join() !== expected.join()) {
      this.breach(`feedback is ${message.records}, not ${expected}`, message);
    }
    if (!this.matchActs(message)) {
      this.breach('the journal does not say what its devices did', message);
    }
    if (ends[0].event === 'expired' && new Date(ends[0].time) < message.expires) {
      this.breach('expired before its time', message);
    }
  }

  /* No message is given for the first time before an older one. */
  checkOrder(entries) {
    const seen = new Set();
    let last = 0;
    for (const { device, messageId, sequenceNumber } of entries) {
      if (!seen.has(messageId) && sequenceNumber < last) {
        this.breaches.push(`${device}: number ${sequenceNumber} was first given after ${last}`);
      }
      last = seen.has(messageId) ? last : sequenceNumber;
      seen.add(messageId);
    }
  }
}

module.exports = { Account };
