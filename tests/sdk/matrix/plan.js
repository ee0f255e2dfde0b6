/*
 * Which cells of the matrix must run: matrix.json says so for every cell, once. A rule is a set of
 * values for some of the dimensions; a dimension it does not name is meant whole.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const FILE = path.join(__dirname, 'matrix.json');

/* All cells of the dimensions: [{ transport, authentication, service, case }, …]. */
function cellsOf(dimensions) {
  return Object.entries(dimensions).reduce(
    (cells, [name, values]) => cells.flatMap((cell) => values.map((value) => ({ ...cell, [name]: value }))),
    [{}]);
}

function nameOf(cell) {
  return Object.values(cell).join(' ');
}

function matches(rule, cell) {
  return Object.keys(cell).every((name) => !rule[name] || rule[name].includes(cell[name]));
}

/* What is wrong with the rule by itself. */
function faultsOf(rule, dimensions, needsReason) {
  const faults = [];
  for (const [name, values] of Object.entries(rule)) {
    if (name === 'reason') {
      continue;
    }
    for (const value of dimensions[name] ? values : [name]) {
      if (!dimensions[name]?.includes(value)) {
        faults.push(`${name}: there is no ${value}`);
      }
    }
  }
  if (needsReason && !(typeof rule.reason === 'string' && rule.reason.length > 0)) {
    faults.push(`left out without a reason: ${JSON.stringify(rule)}`);
  }
  return faults;
}

/* Reads a plan: { dimensions, demanded, leftOut: [{ cell, reason }], faults: [sentence] }. */
function readPlan({ dimensions, run, leftOut }) {
  const plan = { dimensions, demanded: [], leftOut: [], faults: [] };
  plan.faults.push(...run.flatMap((rule) => faultsOf(rule, dimensions, false)));
  plan.faults.push(...leftOut.flatMap((rule) => faultsOf(rule, dimensions, true)));
  for (const cell of cellsOf(dimensions)) {
    const demands = run.filter((rule) => matches(rule, cell));
    const excuses = leftOut.filter((rule) => matches(rule, cell));
    if (demands.length + excuses.length !== 1) {
      plan.faults.push(`${nameOf(cell)}: named by ${demands.length + excuses.length} rules instead of one`);
    }
    if (demands.length > 0) {
      plan.demanded.push(cell);
    } else if (excuses.length > 0) {
      plan.leftOut.push({ cell, reason: excuses[0].reason });
    }
  }
  return plan;
}

/*
 * What the results miss of the plan. `results`: a Map from nameOf(cell) to 'ok' or 'FAILED'. A cell
 * that was skipped has no result.
 */
function missing(plan, results) {
  return plan.demanded.map(nameOf).filter((name) => results.get(name) !== 'ok');
}

/* The results as a Markdown table: a row for each transport, authentication and service. */
function table(plan, results) {
  const { case: cases, ...rows } = plan.dimensions;
  const left = new Set(plan.leftOut.map(({ cell }) => nameOf(cell)));
  const head = [...Object.keys(rows), ...cases];
  const lines = [head, head.map(() => '---')];
  for (const row of cellsOf(rows)) {
    lines.push([...Object.values(row), ...cases.map((name) => {
      const key = nameOf({ ...row, case: name });
      return left.has(key) ? '–' : results.get(key) || 'not run';
    })]);
  }
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function load() {
  return readPlan(JSON.parse(fs.readFileSync(FILE, 'utf8')));
}

module.exports = { cellsOf, load, missing, nameOf, readPlan, table };
