/*
 * The dashboard as a person uses it, in Chromium: what it shows is what the hub knows, and it can be
 * read and worked by everyone.
 */
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const test = require('node:test');
const { chromium } = require('playwright-core');

const { Hub, eventually, PATIENCE_MS } = require('../sdk/node/harness');
const { Device, Registry } = require('../sdk/node/clients');

const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const API = '/control/v1';
const LONGEST = 'x'.repeat(128); // a device's name, nowhere broken

let hub;
let browser;

test.before(async () => {
  hub = await Hub.start({ address: '127.0.130.1', devices: ['d1', 'd2', 'd3', 'd4', 'd5', LONGEST] });
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
});

test.after(async () => {
  await browser?.close();
  await hub.stop();
});

/* A page of its own. What it tells its console, and every address it asks, is gathered. */
async function open(t, { device, cut, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.after(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.asked = [];
  page.complaints = [];
  page.on('request', (request) => page.asked.push(request.url()));
  page.on('console', (line) => page.complaints.push(line.text()));
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  if (cut) {
    await page.route(cut, (route) => route.abort());
  }
  await page.goto(`${hub.control}/`);
  if (device) {
    await page.getByRole('button', { name: device, exact: true }).click();
    await page.getByRole('heading', { name: `Messages of ${device}` }).waitFor();
  }
  return page;
}

/* Rows of a section's table that have all these cells. */
function rows(page, section, ...cells) {
  const all = page.getByRole('region', { name: section }).locator('tbody tr');
  const cell = (text) => page.locator('td').filter({ hasText: new RegExp(`^${text}$`) });
  return cells.reduce((found, text) => found.filter({ has: cell(text) }), all);
}

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

test('a message sent by the form reaches a device, and its end is seen', async (t) => {
  const device = await Device.open(hub.deviceConnectionString('d1'));
  t.after(() => device.close());
  const page = await open(t, { device: 'd1' });
  await page.getByLabel('Body').fill('open the valve');
  await page.getByLabel('Message id').fill('valve');
  await press(page, 'Send');
  const received = await device.next();
  assert.deepEqual([received.messageId, received.data.toString()], ['valve', 'open the valve']);
  await rows(page, 'Messages of d1', 'valve', 'locked').waitFor();
  await rows(page, 'Journal', 'delivered', 'valve').waitFor();
  await device.complete(received);
  await rows(page, 'Messages of d1', 'The queue is empty.').waitFor();
  await rows(page, 'Journal', 'completed', 'valve').waitFor();
  await rows(page, 'Feedback', 'feedbackRecorded', 'valve', 'Success').waitFor();
});

test('the clock is advanced: a lock lapses, a message expires, its feedback is sent', async (t) => {
  await hub.freeze();
  t.after(() => hub.ask('POST', `${API}/clock/resume`));
  const page = await open(t, { device: 'd2' });
  await page.getByLabel('Message id').fill('late');
  await page.getByRole('textbox', { name: 'TTL' }).fill('PT5M');
  await press(page, 'Send');
  await rows(page, 'Messages of d2', 'late', 'enqueued').waitFor();
  await press(page, 'Receive the next');
  await rows(page, 'Messages of d2', 'late', 'locked').waitFor();
  await page.getByLabel('Advance by').fill('PT61S');
  await press(page, 'Advance');
  await rows(page, 'Messages of d2', 'late', 'enqueued').waitFor();
  await rows(page, 'Journal', 'lockExpired', 'late').waitFor();
  await press(page, '+1 h');
  await rows(page, 'Messages of d2', 'The queue is empty.').waitFor();
  await rows(page, 'Journal', 'expired', 'late').waitFor();
  await rows(page, 'Feedback', 'feedbackRecorded', 'late', 'Expired').waitFor();
});

test('a message is settled as its device would', async (t) => {
  const page = await open(t, { device: 'd3' });
  for (const [verb, event] of [['abandon', 'abandoned'], ['reject', 'rejected']]) {
    const messageId = `to-${verb}`;
    await hub.ask('POST', `${API}/devices/d3/messages`, { messageId });
    await press(page, 'Receive the next');
    await rows(page, 'Messages of d3', messageId, 'locked').getByRole('button', { name: verb }).click();
    await rows(page, 'Journal', event, messageId).waitFor();
    await press(page, 'Purge');
    await rows(page, 'Messages of d3', 'The queue is empty.').waitFor();
  }
});

test('a connection is dropped', async (t) => {
  const page = await open(t);
  const device = await Device.open(hub.deviceConnectionString('d4'));
  t.after(() => device.close().catch(() => {}));
  await rows(page, 'Connections', 'd4').getByRole('button', { name: /^close/ }).click();
  await device.disconnects.take();
  await rows(page, 'Connections', 'd4').waitFor({ state: 'detached' });
});

test('a refusal is told', async (t) => {
  const page = await open(t, { device: 'd5' });
  await page.getByRole('textbox', { name: 'TTL' }).fill('soon');
  await press(page, 'Send');
  await page.getByRole('alert').filter({ hasText: 'ttl' }).waitFor();
});

test('what happened before is there on load, with or without the stream', async (t) => {
  await hub.ask('POST', `${API}/devices/d5/messages`, { messageId: 'before' });
  await rows(await open(t), 'Journal', 'enqueued', 'before').waitFor();
  const page = await open(t, { cut: '**/events*' });
  await rows(page, 'Journal', 'enqueued', 'before').waitFor();
  assert.equal(await rows(page, 'Journal', 'enqueued', 'before').count(), 1);
});

test('what the stream had to leave out is told', async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.route('**/events*', (route) => route.fulfill({
    contentType: 'text/event-stream', body: 'event: missed\ndata: {"missed":1234}\n\n',
  }));
  await page.goto(`${hub.control}/`);
  await page.getByText('1234 entries were missed').waitFor();
});

test('after a restart the journal is that of the new start, from its first entry', async (t) => {
  const own = await Hub.start({ address: '127.0.130.5', devices: ['d1'], freePorts: true });
  t.after(() => own.stop());
  const sendAll = async (ids) => {
    for (const messageId of ids) {
      await own.ask('POST', `${API}/devices/d1/messages`, { messageId });
    }
  };
  await sendAll(['old-1', 'old-2', 'old-3']);
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  let held = Promise.resolve();
  await page.route('**/events*', (route) => held.then(() => route.continue()));
  await page.goto(`${own.control}/`);
  await page.getByText('live', { exact: true }).waitFor();
  await rows(page, 'Journal', 'old-3').waitFor();

  // The stream begins again when the new journal has passed the last id that the page has had.
  let letGo;
  held = new Promise((resolve) => {
    letGo = resolve;
  });
  own.command[own.command.indexOf('--control-port') + 1] = String(own.ports.control);
  await own.restart();
  const fresh = ['new-1', 'new-2', 'new-3', 'new-4', 'new-5'];
  await sendAll(fresh);
  letGo();
  await rows(page, 'Journal', 'new-1').waitFor();
  await sendAll(['new-6']);
  await rows(page, 'Journal', 'new-6').waitFor();
  const cells = await rows(page, 'Journal').locator('td:nth-child(4)').allTextContents();
  assert.deepEqual(cells.filter(Boolean), ['new-6', ...fresh.reverse()]);
  assert.equal(await rows(page, 'Journal', 'started').count(), 1);
});

test('no request leaves the origin, and nothing is complained of', async (t) => {
  const page = await open(t, { device: 'd5' });
  await rows(page, 'Journal', 'started').waitFor();
  const foreign = page.asked.filter((url) => !url.startsWith(`${hub.control}/`) && !url.startsWith('data:'));
  assert.deepEqual([foreign, page.complaints], [[], []]);
});

/* With a row in every table. */
async function fill(t) {
  await hub.ask('POST', `${API}/devices/${LONGEST}/messages`, { body: LONGEST, messageId: LONGEST });
  await hub.ask('POST', `${API}/devices/${LONGEST}/messages`, { body: 'y' });
  await hub.ask('POST', `${API}/devices/${LONGEST}/receive`);
  const device = await Device.open(hub.deviceConnectionString(LONGEST));
  const rule = await hub.ask('POST', `${API}/faults`, {
    match: { device: LONGEST, operation: 'feedback' }, action: { type: 'error', code: 'ServiceUnavailable' },
  });
  t.after(async () => {
    await device.close();
    await hub.ask('DELETE', `${API}/faults/${rule.id}`);
    await hub.ask('DELETE', `${API}/devices/${LONGEST}/messages`);
  });
}

const WAYS = [
  { colorScheme: 'light', width: 1280 }, { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 400 }, { colorScheme: 'dark', width: 400 },
];

for (const { colorScheme, width } of WAYS) {
  test(`axe finds nothing serious: ${colorScheme}, ${width} px`, async (t) => {
    await fill(t);
    const page = await open(t, { device: LONGEST, colorScheme, viewport: { width, height: 900 } });
    await rows(page, 'Connections', LONGEST).waitFor();
    await page.evaluate(AXE);
    const { violations, passes } = await page.evaluate('axe.run()');
    assert.ok(passes.length > 10);
    assert.deepEqual(violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), []);
  });
}

test('at 400 px nothing has to be scrolled sideways, or is cut off', async (t) => {
  await fill(t);
  const page = await open(t, { device: LONGEST, viewport: { width: 400, height: 900 } });
  await rows(page, 'Connections', LONGEST).waitFor();
  await page.getByText('Connection strings').click();
  const wide = await page.evaluate(() => [...document.querySelectorAll('body *')]
    .filter((node) => node.checkVisibility() && !node.closest('thead, .skip'))
    .filter((node) => node.getBoundingClientRect().right > window.innerWidth)
    .map((node) => node.outerHTML.slice(0, 80)));
  assert.deepEqual(wide, []);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 400);
});

/* A name for each thing that has the focus, as tabs go through the page once. */
async function tabThrough(page) {
  const next = async () => {
    await page.keyboard.press('Tab');
    return page.evaluate(() => {
      const node = document.activeElement;
      const shown = node.matches(':focus-visible') && getComputedStyle(node).outlineStyle !== 'none';
      return node === document.body ? null
        : `${shown ? '' : 'unseen '}${node.id || node.name || node.textContent.trim()}`;
    });
  };
  const names = [];
  while (await next()) {
    // to the end of the page, from wherever the mouse was last
  }
  for (let name = await next(); name; name = await next()) {
    names.push(name);
  }
  return names;
}

test('every control is reached by tabs, and the focus is seen', async (t) => {
  const page = await open(t, { device: 'd5' });
  await rows(page, 'Journal', 'started').waitFor();
  const reached = await tabThrough(page);
  const controls = await page.locator('main :is(button:enabled, input, select, summary):visible').count();
  assert.equal(reached.length, controls + 1, reached.join(', ')); // and the link that skips
  assert.deepEqual(reached.filter((name) => name.startsWith('unseen')), []);
});

test('a message is sent and received without a mouse', async (t) => {
  const page = await open(t);
  const tabTo = async (locator) => {
    for (let i = 0; i < 100; i++) {
      if (await locator.evaluate((node) => node === document.activeElement)) {
        return;
      }
      await page.keyboard.press('Tab');
    }
    assert.fail('no tab leads there');
  };
  await page.getByRole('button', { name: 'd4', exact: true }).waitFor();
  await tabTo(page.getByRole('button', { name: 'd4', exact: true }));
  await page.keyboard.press('Enter');
  await tabTo(page.getByLabel('Message id'));
  await page.keyboard.type('typed');
  await page.keyboard.press('Enter');
  await rows(page, 'Messages of d4', 'typed', 'enqueued').waitFor();
  await page.keyboard.press('Shift+Tab');
  await tabTo(page.getByRole('button', { name: 'Receive the next' }));
  await page.keyboard.press('Space');
  await rows(page, 'Messages of d4', 'typed', 'locked').waitFor();
});

test('ten thousand devices: the list is bounded, and each can be opened', async (t) => {
  const registry = Registry.fromConnectionString(hub.serviceConnectionString());
  const ids = Array.from({ length: 10000 }, (_, i) => `many-${i}`);
  for (let i = 0; i < ids.length; i += 100) {
    await registry.addDevices(ids.slice(i, i + 100).map((deviceId) => ({ deviceId })));
  }
  const begin = Date.now();
  const page = await open(t);
  await rows(page, 'Devices', 'many-0').first().waitFor();
  t.diagnostic(`| dashboard with 10,000 devices: its first shown after ${Date.now() - begin} ms |`);
  assert.ok(await rows(page, 'Devices').count() <= 200);
  await page.getByLabel('Another device').fill('many-9876');
  await press(page, 'Open');
  await page.getByRole('heading', { name: 'Messages of many-9876' }).waitFor();
  await page.getByLabel('Message id').fill('far');
  await press(page, 'Send');
  await rows(page, 'Messages of many-9876', 'far').waitFor();
  await page.getByLabel('Another device').fill('many-none');
  await press(page, 'Open');
  await page.getByRole('alert').filter({ hasText: 'many-none' }).waitFor();
  await eventually(async () => (await hub.counts()).devices === 10006, 'all devices to be counted');
});
