/*
 * Random numbers that come again with the same seed, for tests that try many ways: mulberry32.
 */
'use strict';

class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /* From 0 up to, not including, 1. */
  fraction() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let bits = this.state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  }

  /* An integer from 0 to `below` - 1. */
  below(below) {
    return Math.floor(this.fraction() * below);
  }

  chance(probability) {
    return this.fraction() < probability;
  }

  pick(items) {
    return items[this.below(items.length)];
  }

  /* One of the names of `weights`, as often as their numbers say. */
  weighted(weights) {
    let left = this.fraction() * Object.values(weights).reduce((sum, weight) => sum + weight, 0);
    for (const [name, weight] of Object.entries(weights)) {
      left -= weight;
      if (left < 0) {
        return name;
      }
    }
    return Object.keys(weights)[0];
  }
}

module.exports = { Random };
