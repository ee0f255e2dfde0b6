"use strict";

/* The dashboard: the control API as a person sees it. The event stream says that something has
 * happened; what is shown is then asked for again. Nothing is kept that the hub does not know. */

const API = "/control/v1";
const JOURNAL_ROWS = 200;
const FEEDBACK_ROWS = 20;
const DEVICES_SHOWN = 200;
const RETRY_MS = 1000;

const byId = (id) => document.getElementById(id);
const state = {
  device: null, depth: 50, clock: null, seenAt: 0, journal: [], missed: 0, timer: null, stale: false,
};

/* ---- asking ---- */

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  const value = text ? JSON.parse(text) : null;
  if (!answer.ok) {
    throw new Error(value && value.detail ? value.detail : `${answer.status}`);
  }
  return value;
}

const get = (path) => ask("GET", API + path);

/* Acts, tells what was refused, and shows what has become of it. */
async function act(method, path, body) {
  try {
    await ask(method, API + path, body);
    notice("");
  } catch (error) {
    notice(error.message);
  }
  refreshSoon();
}

const deviceAt = (id) => `/devices/${encodeURIComponent(id)}`;

/* ---- tables: rows and cells stay where they are, so that the focus does ---- */

function fillCell(cell, content, label) {
  const value = content === undefined || content === null ? "" : content;
  const signature = typeof value === "object" ? value.signature : String(value);
  cell.dataset.label = label;
  if (cell.signature === signature) {
    return;
  }
  cell.signature = signature;
  cell.replaceChildren(...(typeof value === "object" ? value.nodes() : [String(value)]));
}

function fillTable(id, rows, nothing) {
  const body = byId(id);
  const labels = [...body.parentNode.tHead.rows[0].cells].map((cell) => cell.textContent);
  const old = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const list = rows.length ? rows : [{ key: "none", cells: [nothing], none: true }];
  list.forEach((wanted, index) => {
    let row = old.get(wanted.key);
    old.delete(wanted.key);
    if (!row) {
      row = document.createElement("tr");
      row.dataset.key = wanted.key;
      row.className = wanted.none ? "none" : "";
    }
    if (body.rows[index] !== row) {
      body.insertBefore(row, body.rows[index] || null);
    }
    wanted.cells.forEach((content, at) => {
      const cell = row.cells[at] || row.insertCell();
      fillCell(cell, content, wanted.none ? "" : labels[at]);
      cell.colSpan = wanted.none ? labels.length : 1;
    });
  });
  old.forEach((row) => row.remove());
}

function button(text, onClick, label) {
  const node = document.createElement("button");
  node.type = "button";
  node.textContent = text;
  node.addEventListener("click", onClick);
  if (label) {
    node.setAttribute("aria-label", label);
  }
  return node;
}

const cell = (signature, nodes) => ({ signature, nodes });

function fillFacts(id, pairs) {
  byId(id).replaceChildren(
    ...pairs.flatMap(([name, value]) => {
      const term = document.createElement("dt");
      const fact = document.createElement("dd");
      term.textContent = name;
      fact.textContent = value;
      return [term, fact];
    }),
  );
}

/* ---- time ---- */

function hubNow() {
  const passed = state.clock.frozen ? 0 : Date.now() - state.seenAt;
  return new Date(Date.parse(state.clock.now) + passed);
}

function left(until) {
  const seconds = Math.round((Date.parse(until) - hubNow()) / 1000);
  if (seconds <= 0) {
    return "over";
  }
  const days = Math.floor(seconds / 86400);
  const clock = new Date((seconds % 86400) * 1000).toISOString().slice(11, 19);
  return days ? `${days} d ${clock}` : clock.replace(/^00:/, "");
}

function countdown(until) {
  return cell(until, () => {
    const node = document.createElement("time");
    node.dateTime = until;
    node.dataset.until = until;
    node.title = until;
    node.textContent = left(until);
    return [node];
  });
}

const timeOf = (text) => text.slice(11, 23);

function tick() {
  if (state.clock) {
    byId("now").textContent = hubNow().toISOString().replace("T", " ").slice(0, 19) + " UTC";
    document.querySelectorAll("[data-until]").forEach((node) => {
      node.textContent = left(node.dataset.until);
    });
  }
}

function showClock(clock) {
  state.clock = clock;
  state.seenAt = Date.now();
  byId("frozen").hidden = !clock.frozen;
  byId("freeze").textContent = clock.frozen ? "Resume" : "Freeze";
  byId("offset").textContent =
    clock.offset === "PT0S" ? "as the machine's" : `${clock.offset} from the machine's`;
  byId("tokens").checked = clock.tokens;
  tick();
}

/* ---- what is shown ---- */

function showHub(hub) {
  const counts = hub.counts;
  const setting = hub.settings.find((each) => each.name === "cloudToDevice.queueDepth");
  state.depth = setting ? Number(setting.value) : state.depth;
  byId("version").textContent = hub.version;
  fillFacts("facts", [
    ["Host name", hub.hostName],
    ["Ports", Object.entries(hub.ports).map(([name, port]) => `${name} ${port ?? "off"}`).join(", ")],
    ["Devices", counts.devices],
    ["Connections", counts.connections],
    ["Messages", `${counts.enqueued} enqueued, ${counts.invisible} locked`],
  ]);
  fillFacts("policies", hub.policies.map((policy) => [policy.name, policy.connectionString]));
  byId("pending").textContent = counts.feedbackPending;
  byId("flush").disabled = counts.feedbackPending === 0;
  showClock(hub.clock);
}

function queueBar(queue) {
  const depth = queue.enqueued + queue.invisible;
  return cell(`${depth}/${state.depth}`, () => {
    const bar = document.createElement("meter");
    bar.max = state.depth;
    bar.high = state.depth * 0.8;
    bar.optimum = 0;
    bar.value = depth;
    bar.textContent = bar.title = `${depth} of ${state.depth}`;
    bar.setAttribute("aria-label", `queue: ${depth} of ${state.depth}`);
    return [bar];
  });
}

function choose(id) {
  state.device = state.device === id ? null : id;
  byId("messages").hidden = state.device === null;
  refresh();
}

/* One that the list does not show. */
async function open(id) {
  try {
    await get(deviceAt(id));
    notice("");
  } catch (error) {
    notice(error.message);
    return;
  }
  if (state.device !== id) {
    choose(id);
  }
}

function deviceName(id) {
  const pressed = state.device === id;
  return cell(`${id} ${pressed}`, () => {
    const node = button(id, () => choose(id));
    node.setAttribute("aria-pressed", String(pressed));
    return [node];
  });
}

function showDevices(list) {
  fillTable(
    "device-rows",
    list.items.map((device) => ({
      key: device.deviceId,
      cells: [
        deviceName(device.deviceId),
        device.status,
        queueBar(device.queue),
        device.queue.enqueued,
        device.queue.invisible,
        device.connections.map((connection) => connection.protocol).join(", "),
        device.simulator ? device.simulator.do : "",
      ],
    })),
    "No devices.",
  );
  byId("find-device").hidden = list.next === null;
  byId("shown").textContent = `The first ${DEVICES_SHOWN} devices are shown.`;
}

function settlements(message) {
  const words = ["complete", "reject", "abandon"];
  const path = (word) => `/messages/${message.lockToken}/${word}`;
  return message.lockToken
    ? cell(message.lockToken, () =>
        words.map((word) =>
          button(word, () => act("POST", path(word)), `${word} message ${message.sequenceNumber}`)))
    : "";
}

function showMessages(device, list) {
  byId("messages-title").textContent = `Messages of ${device.deviceId}`;
  byId("device-string").textContent = device.connectionString;
  byId("stop-playing").disabled = !device.simulator;
  fillTable(
    "message-rows",
    list.items.map((message) => ({
      key: String(message.sequenceNumber),
      cells: [
        message.sequenceNumber,
        message.messageId,
        message.state === "invisible" ? "locked" : message.state,
        message.deliveryCount,
        message.lockedUntil ? countdown(message.lockedUntil) : "",
        message.expiryTime ? countdown(message.expiryTime) : "",
        message.ack,
        (message.body.text ?? `${message.size} bytes`).slice(0, 80),
        settlements(message),
      ],
    })),
    "The queue is empty.",
  );
}

function showConnections(list) {
  const path = (connection, how) => `/connections/${connection.id}?how=${how}`;
  fillTable(
    "connection-rows",
    list.items.map((connection) => ({
      key: String(connection.id),
      cells: [
        connection.identity ?? connection.address,
        connection.protocol,
        timeOf(connection.since),
        connection.inFlight,
        cell(String(connection.id), () =>
          ["close", "reset"].map((how) =>
            button(how, () => act("DELETE", path(connection, how)), `${how} connection ${connection.id}`))),
      ],
    })),
    "Nobody is connected.",
  );
}

function ruleText(rule) {
  const match = Object.entries(rule.match).map(([name, value]) => `${name} ${value}`);
  const bounds = [rule.after ? `after ${rule.after}` : "", rule.times ? `at most ${rule.times}` : ""];
  const chance = rule.probability < 1 ? `probability ${rule.probability}` : "";
  return [...match, ...bounds, chance].filter(Boolean).join(", ") || "everything";
}

function showFaults(list) {
  fillTable(
    "fault-rows",
    list.items.map((rule) => ({
      key: String(rule.id),
      cells: [
        rule.id,
        ruleText(rule),
        Object.values(rule.action).join(" "),
        rule.matched,
        rule.applied,
        cell(String(rule.id), () => [
          button("remove", () => act("DELETE", `/faults/${rule.id}`), `remove rule ${rule.id}`),
        ]),
      ],
    })),
    "Nothing goes wrong on purpose.",
  );
}

function showJournal() {
  const device = byId("journal-device").value.trim();
  const shown = state.journal.filter((entry) => !device || entry.device === device);
  if (!byId("journal-pause").checked) {
    fillTable(
      "journal-rows",
      shown.slice(0, JOURNAL_ROWS).map((entry) => ({
        key: String(entry.id),
        cells: [timeOf(entry.time), entry.event, entry.device, entry.messageId, entry.from, entry.to,
          entry.protocol, entry.reason],
      })),
      "Nothing has happened yet.",
    );
  }
  fillTable(
    "feedback-rows",
    state.journal
      .filter((entry) => entry.event.startsWith("feedback"))
      .slice(0, FEEDBACK_ROWS)
      .map((entry) => ({
        key: String(entry.id),
        cells: [timeOf(entry.time), entry.event, entry.device, entry.messageId, entry.reason],
      })),
    "No feedback yet.",
  );
}

/* ---- keeping up ---- */

async function refresh() {
  try {
    const [hub, devices, connections, faults] = await Promise.all([
      get("/hub"), get(`/devices?limit=${DEVICES_SHOWN}`), get("/connections"), get("/faults"),
    ]);
    showHub(hub);
    showDevices(devices);
    showConnections(connections);
    showFaults(faults);
    const id = state.device;
    if (id !== null) {
      const [device, messages] = await Promise.all([
        get(deviceAt(id)), get(`${deviceAt(id)}/messages`),
      ]);
      if (id === state.device) {
        showMessages(device, messages);
      }
    }
  } catch (error) {
    if (state.device !== null && /no device/i.test(error.message)) {
      choose(state.device);
    }
  }
}

/* Many entries at once are one look, and one look ends before the next begins. */
function refreshSoon() {
  state.stale = true;
  if (state.timer === null) {
    state.timer = setTimeout(async () => {
      state.stale = false;
      showJournal();
      await refresh();
      state.timer = null;
      if (state.stale) {
        refreshSoon();
      }
    }, 150);
  }
}

function showStream(text, kind) {
  byId("stream").textContent = text;
  byId("stream").className = `tag ${kind}`;
}

function take(entry) {
  state.journal.unshift(entry);
  state.journal.length = Math.min(state.journal.length, 5000);
}

function showMissed(count) {
  state.missed += count;
  byId("missed").hidden = false;
  byId("missed").textContent = `${state.missed} entries were missed: the hub was faster than this page.`;
}

/* The newest entries there are, whether or not the stream begins; then those to come. */
async function follow() {
  try {
    const { last } = await get("/journal?limit=1");
    const after = Math.max(0, last - JOURNAL_ROWS);
    const { items } = await get(`/journal?after=${after}&limit=${JOURNAL_ROWS}`);
    state.journal = [];
    items.forEach(take);
    showJournal();
    listen(state.journal[0]?.id ?? after);
  } catch {
    showStream("not connected", "bad");
    setTimeout(follow, RETRY_MS);
  }
}

/* Each start of the hub counts from 1: what is behind an id of an earlier one is not all there is. */
async function isOfThisStart(entry) {
  const { items } = await get(`/journal?after=${entry.id - 1}&limit=1`);
  return JSON.stringify(items[0]) === JSON.stringify(entry);
}

function listen(after) {
  const source = new EventSource(`${API}/events?after=${after}`);
  source.onopen = async () => {
    const newest = state.journal[0];
    if (newest && !(await isOfThisStart(newest).catch(() => false))) {
      source.close();
      follow();
      return;
    }
    showStream("live", "good");
    refreshSoon();
  };
  source.onerror = () => showStream("not connected", "bad");
  source.onmessage = (event) => {
    take(JSON.parse(event.data));
    refreshSoon();
  };
  source.addEventListener("missed", (event) => showMissed(JSON.parse(event.data).missed));
}

/* ---- what a person does ---- */

function values(form) {
  return Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
}

function onSubmit(id, send) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    send(values(event.target), event.target);
  });
}

function onClick(id, action) {
  byId(id).addEventListener("click", action);
}

const advance = (by) => act("POST", "/clock/advance", { by });

function addFault(rule) {
  const { protocol, device, operation, type, duration, code, when, after, times } = rule;
  const action = { type };
  if (type === "delay") {
    action.duration = duration;
  } else if (type === "error") {
    action.code = /^\d+$/.test(code) ? Number(code) : code;
  } else if (type === "drop" || type === "close") {
    action.when = when;
  }
  act("POST", "/faults", {
    match: { protocol, device, operation },
    after: Number(after ?? 0),
    times: times === undefined ? undefined : Number(times),
    action,
  });
}

function showFaultFields() {
  const type = byId("add-fault").elements.type.value;
  document.querySelectorAll("[data-of]").forEach((node) => {
    node.hidden = !node.dataset.of.split(" ").includes(type);
  });
}

onSubmit("advance", ({ by }) => advance(by));
document.querySelectorAll("[data-by]").forEach((node) => {
  node.addEventListener("click", () => advance(node.dataset.by));
});
onClick("freeze", () => act("POST", state.clock.frozen ? "/clock/resume" : "/clock/freeze"));
onClick("tokens", () => act("PATCH", "/clock", { tokens: byId("tokens").checked }));
onClick("reset", () => {
  if (confirm("Delete everything and begin as at the start?")) {
    act("POST", "/reset");
  }
});
onSubmit("find-device", ({ id }) => open(id));
onSubmit("add-device", ({ id }, form) => {
  act("PUT", deviceAt(id));
  form.reset();
});
onSubmit("send", (message) => act("POST", `${deviceAt(state.device)}/messages`, message));
onClick("receive", () => act("POST", `${deviceAt(state.device)}/receive`));
onClick("purge", () => act("DELETE", `${deviceAt(state.device)}/messages`));
onClick("delete-device", () => {
  if (confirm(`Delete ${state.device}?`)) {
    act("DELETE", deviceAt(state.device));
  }
});
onSubmit("play", (rule) => act("PUT", `${deviceAt(state.device)}/simulator`, rule));
onClick("stop-playing", () => act("DELETE", `${deviceAt(state.device)}/simulator`));
onClick("flush", () => act("POST", "/feedback/flush"));
onSubmit("add-fault", addFault);
byId("add-fault").elements.type.addEventListener("change", showFaultFields);
byId("journal-device").addEventListener("input", showJournal);
byId("journal-pause").addEventListener("change", showJournal);

refresh();
follow();
setInterval(tick, 500);
