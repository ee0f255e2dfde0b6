'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { missing, nameOf, readPlan, table } = require('./plan');

const dimensions = { transport: ['A', 'B'], case: ['one', 'two'] };
const whole = readPlan({ dimensions, run: [{}], leftOut: [] });

const allOk = (plan) => new Map(plan.demanded.map((cell) => [nameOf(cell), 'ok']));

test('a rule without dimensions means every cell', () => {
  assert.deepEqual(whole.faults, []);
  assert.deepEqual(whole.demanded.map(nameOf), ['A one', 'A two', 'B one', 'B two']);
  assert.deepEqual(missing(whole, allOk(whole)), []);
});

test('a cell that is demanded and did not run is missing', () => {
  const results = allOk(whole);
  results.delete('B one');
  assert.deepEqual(missing(whole, results), ['B one']);
});

test('a cell that is demanded and failed is missing', () => {
  assert.deepEqual(missing(whole, allOk(whole).set('A two', 'FAILED')), ['A two']);
});

test('a cell that no rule names is a fault', () => {
  const plan = readPlan({ dimensions, run: [{ transport: ['A'] }], leftOut: [] });
  assert.deepEqual(plan.faults, ['B one: named by 0 rules instead of one', 'B two: named by 0 rules instead of one']);
});

test('a cell that two rules name is a fault', () => {
  const leftOut = [{ transport: ['B'], case: ['two'], reason: 'because' }];
  assert.deepEqual(readPlan({ dimensions, run: [{}], leftOut }).faults,
    ['B two: named by 2 rules instead of one']);
});

test('a cell is left out only with a reason', () => {
  const plan = (reason) => readPlan({
    dimensions, run: [{ transport: ['A'] }], leftOut: [{ transport: ['B'], reason }],
  });
  assert.deepEqual(plan('because').faults, []);
  assert.deepEqual(plan('because').leftOut.map(({ cell }) => nameOf(cell)), ['B one', 'B two']);
  for (const reason of [undefined, '']) {
    assert.match(plan(reason).faults[0], /^left out without a reason/);
  }
});

test('a rule with a misspelt dimension or value is a fault', () => {
  for (const rule of [{ transports: ['A'] }, { transport: ['C'] }]) {
    assert.match(readPlan({ dimensions, run: [{}, rule], leftOut: [] }).faults[0], /there is no/);
  }
});

test('the table tells what is ok, failed, left out and not run', () => {
  const plan = readPlan({
    dimensions, run: [{ transport: ['A'] }, { transport: ['B'], case: ['one'] }],
    leftOut: [{ transport: ['B'], case: ['two'], reason: 'because' }],
  });
  const lines = table(plan, new Map([['A one', 'ok'], ['A two', 'FAILED']])).split('\n');
  assert.equal(lines[2], '| A | ok | FAILED |');
  assert.equal(lines[3], '| B | not run | – |');
});
