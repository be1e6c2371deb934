// Asks the sensor every two seconds and shows what it says. Whatever came off the wire may be hostile: it reaches the
// page as text of text nodes only, never as markup.
"use strict";

const REFRESH_MS = 2000;
const PATIENCE_MS = 5000;
const SHOWN_ALERTS = 50;
const QUIET_S = 60; // without a packet for so long, a tap is more likely dead than quiet

const at = (id) => document.getElementById(id);

// ---- Words -----------------------------------------------------------------------------------------------------

const count = (number) => Number(number).toLocaleString("en");
const plural = (number, one, many) => `${count(number)} ${Number(number) === 1 ? one : many || `${one}s`}`;

function parseTime(text) {
  // EVE: 2026-11-21T10:00:00.123456+0000. Browsers agree on milliseconds and on a zone with a colon.
  const parts = /^(.{19})(\.\d{1,3})?\d*([+-]\d\d):?(\d\d)$/.exec(text || "");
  return parts ? Date.parse(`${parts[1]}${parts[2] || ""}${parts[3]}:${parts[4]}`) : NaN;
}

function clock(text) {
  const time = parseTime(text);
  return Number.isNaN(time) ? "–" : new Date(time).toISOString().replace("T", " ").slice(0, 19);
}

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${plural(Math.floor(s / 86400), "day")} ${Math.floor((s % 86400) / 3600)} h`;
}

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = Number(bytes);
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

function endpoint(address, port) {
  const host = String(address).includes(":") ? `[${address}]` : address;
  return `${host}:${port}`;
}

const SEVERITIES = { 1: ["High", "bad"], 2: ["Medium", "warn"], 3: ["Low", ""] };
const OUTCOMES = {
  attempted: "Attempted",
  "not-unpickled": "Not unpickled: the receiver never loaded it",
  executed: "Executed: the traffic proves it",
};
const AUTH = {
  mutual: ["mutual", "good"],
  "one-way": ["one-way", "warn"],
  none: ["none", "bad"],
  failed: ["failed", "bad"],
  pending: ["pending", ""],
  unknown: ["unknown", ""],
};

const MESSAGES = { pickles: "pickles", "xml-rpc": "XML-RPC", bytes: "bytes only" };
const DEPARTURES = {
  "no-key": "asks for no key",
  "weak-digest": "weak digest",
  manager: "is a manager",
  "unexpected-peer": "unexpected peer",
};

// ---- Elements --------------------------------------------------------------------------------------------------

/** Sets a text only when it is another: a screen reader says live regions again at every change. */
function write(id, text, state) {
  const element = at(id);
  if (element.textContent !== text) element.textContent = text;
  if (state !== undefined) {
    element.classList.remove("good", "warn", "bad");
    if (state) element.classList.add(state);
  }
}

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children); // strings become text nodes
  return element;
}

const word = (text, state) => make("span", `word ${state}`.trim(), text);
const show = (id, visible) => { at(id).hidden = !visible; };

const drawn = {};
/** Draws a list anew only when its data changed, so that selections and scroll positions live on. */
function redraw(id, data, draw) {
  const text = JSON.stringify(data);
  if (drawn[id] === text) return;
  drawn[id] = text;
  at(id).replaceChildren(...data.map(draw));
}

// ---- The parts of the page ---------------------------------------------------------------------------------------

let before = null; // packets and time of the last status, for the rate

function packetRate(status) {
  const now = { packets: status.interfaces.reduce((sum, i) => sum + i.packets, 0), time: parseTime(status.now) };
  const last = before;
  before = now;
  if (!last || now.packets < last.packets || now.time <= last.time) return null;
  return (now.packets - last.packets) / ((now.time - last.time) / 1000);
}

function showTraffic(status) {
  const rate = packetRate(status);
  if (rate !== null) {
    write("rate", `${rate > 0 && rate < 10 ? rate.toFixed(1) : count(Math.round(rate))} packets/s`);
  }
  const names = status.interfaces.map((i) => i.name).join(", ");
  const down = status.interfaces.filter((i) => !i.up).map((i) => i.name);
  const age = (parseTime(status.now) - parseTime(status.last_packet)) / 1000;
  const lost = status.counters.events_dropped_total || 0;
  let note = "";
  if (down.length > 0) note = `No packets can be read from ${down.join(", ")}.`;
  else if (!status.last_packet) note = `No packet seen yet on ${names || "any interface"}: is the mirror port on?`;
  else if (age > QUIET_S) note = `No packet for ${span(age)} on ${names}: is the mirror port still on?`;
  if (lost > 0) note += ` ${plural(lost, "fact")} from packets were lost inside the sensor: it cannot keep up.`;
  note = note.trim();
  write("last-packet", status.last_packet ? `last packet ${span(age)} ago` : "no packet yet");
  write("traffic-note", note, note ? "warn" : "");
  show("traffic-note", note !== "");
}

function showTiles(status) {
  const dropped = status.interfaces.reduce((sum, i) => sum + i.dropped, 0);
  const packets = status.interfaces.reduce((sum, i) => sum + i.packets, 0);
  const share = packets + dropped > 0 ? (100 * dropped) / (packets + dropped) : 0;
  write("drops", count(dropped), dropped > 0 ? "warn" : "");
  write("drops-more", dropped > 0 ? `${share < 0.01 ? "less than 0.01" : share.toFixed(2)} % of what came` : "");
  const alerts = status.counters.alerts_total || 0;
  write("alert-count", count(alerts));
  write("alert-more", alerts > 0 ? "since the start" : "");
  write("uptime", span((parseTime(status.now) - parseTime(status.start_time)) / 1000));
  const resident = status.process.resident_bytes;
  write("memory", resident === null ? "" : `${size(resident)} of memory`);
}

function stateCell(item) {
  const cell = make("td", "wraps", word(item.up ? "up" : "down", item.up ? "good" : "bad"));
  if (item.trouble) cell.append(make("span", "why", item.trouble));
  return cell;
}

function lostCell(number) {
  return make("td", "number", number > 0 ? word(count(number), "warn") : "0");
}

function showHealth(status) {
  redraw("interfaces", status.interfaces, (i) =>
    make("tr", "", make("td", "", i.name), stateCell(i), make("td", "number", count(i.packets)), lostCell(i.dropped)));
  redraw("outputs", status.outputs, (o) =>
    make("tr", "", make("td", "", o.name), stateCell(o), make("td", "number", count(o.events)), lostCell(o.dropped),
      make("td", "number", size(o.queued_bytes))));
  const reload = status.reload;
  const taken = reload.last_success ? `taken ${clock(reload.last_success)}` : "as at the start";
  if (reload.successful) write("reload", taken, "");
  else write("reload", `The last reload failed; in force is the one ${taken}. ${reload.error || ""}`.trim(), "bad");
  write("version", `${status.version} (${status.revision})`);
}

function showVerdict(status) {
  const down = status.outputs.filter((o) => !o.up).map((o) => o.name);
  if (!status.ready) write("verdict", `Not ready: ${status.not_ready_reason || "no reason given"}`, "bad");
  else if (down.length > 0) write("verdict", `Reading packets; output down: ${down.join(", ")}`, "warn");
  else if (!status.last_packet) write("verdict", "Ready, but no packet yet", "warn");
  else write("verdict", "Ready: reading packets", "good");
  write("sensor", status.sensor);
  document.title = `${status.sensor || "sensor"} · pickletap`;
}

function alertItem(event) {
  const alert = event.alert || {};
  const python = event.python_mp || {};
  const [severity, state] = SEVERITIES[alert.severity] || [`Severity ${alert.severity}`, ""];
  const time = make("time", "", clock(event.timestamp));
  time.dateTime = event.timestamp;
  const item = make("li", `alert severity-${Number(alert.severity)}`);
  item.append(make("div", "line", word(severity, state), make("span", "rule", alert.rule || ""), time));
  item.append(make("p", "signature", alert.signature || ""));
  const detail = make("p", "detail",
    make("span", "address", endpoint(event.src_ip, event.src_port)), " → ",
    make("span", "address", endpoint(event.dest_ip, event.dest_port)));
  if (event.in_iface) detail.append(` on ${event.in_iface}`);
  const first = event.other_flow;
  if (event.callback && first) {
    detail.append(` · after a pickle between ${endpoint(first.src_ip, first.src_port)} and `
      + endpoint(first.dest_ip, first.dest_port));
  }
  if (python.outcome) {
    detail.append(" · ", python.outcome === "executed" ? word(OUTCOMES.executed, "bad")
      : OUTCOMES[python.outcome] || python.outcome);
  }
  item.append(detail);
  const program = python.pickle && python.pickle.program;
  if (program) {
    const block = make("pre", "", make("code", "", program));
    block.tabIndex = 0;
    block.setAttribute("role", "region");
    block.setAttribute("aria-label", "The pickle as a program");
    item.append(block);
  }
  return item;
}

function showAlerts(alerts, status) {
  redraw("alerts", alerts, alertItem);
  show("alerts", alerts.length > 0);
  show("alerts-empty", alerts.length === 0);
  write("alerts-empty", `No alert since the start at ${clock(status.start_time)}.`);
  const total = status.counters.alerts_total || 0;
  write("alerts-shown", alerts.length > 0 && alerts.length < total ? `the latest ${alerts.length} of ${count(total)}` : "");
}

function listenerRow(listener) {
  const [text, state] = AUTH[listener.auth.state] || [listener.auth.state, ""];
  const auth = make("td", "", word(text, state));
  if (listener.auth.digest) auth.append(" ", listener.auth.digest);
  if (listener.auth.weak_key) auth.append(" ", word("weak key", "bad"));
  const address = make("th", "", make("span", "address", endpoint(listener.address, listener.port)));
  address.scope = "row";
  if (listener.vlan.length > 0) address.append(` vlan ${listener.vlan.join(".")}`);
  const peers = make("td", "number", count(listener.peers));
  if (listener.untrusted_peers > 0) peers.append(" ", word(`${count(listener.untrusted_peers)} untrusted`, "bad"));
  const departures = make("td", "", listener.departures.length > 0 ? "" : "–");
  for (const one of listener.departures) departures.append(word(DEPARTURES[one] || one, "warn"), " ");
  return make("tr", "", address, auth, make("td", "", listener.application),
    make("td", "", MESSAGES[listener.messages] || "–"), make("td", "", listener.python || "–"),
    make("td", "number", count(listener.flows)), peers, departures, make("td", "", clock(listener.first_seen)), make("td", "", clock(listener.last_seen)));
}

function showListeners(listeners) {
  redraw("listeners", listeners, listenerRow);
  show("listeners-table", listeners.length > 0);
  show("listeners-empty", listeners.length === 0);
  write("listeners-empty", "No listener yet: nobody was seen to speak multiprocessing.connection.");
  write("listeners-shown", listeners.length > 0 ? count(listeners.length) : "");
}

// ---- Asking --------------------------------------------------------------------------------------------------------

async function ask(path, signal) {
  const response = await fetch(path, { signal, cache: "no-store", credentials: "omit" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

let lastAnswer = null;

function showSilence() {
  const since = lastAnswer === null ? "" : ` since ${lastAnswer.toISOString().slice(11, 19)}; what is below may be old`;
  write("silence", `The sensor does not answer${since}.`);
  show("silence", true);
  write("verdict", "No answer", "bad");
  at("main").classList.add("stale");
  before = null;
}

/** Everything the page shows, or null when the sensor gave no answer in time. */
async function askAll() {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), PATIENCE_MS);
  try {
    return await Promise.all([
      ask("/api/v1/status", controller.signal),
      ask("/api/v1/listeners", controller.signal),
      ask(`/api/v1/alerts?limit=${SHOWN_ALERTS}`, controller.signal),
    ]);
  } catch (error) {
    console.warn(error);
    controller.abort();
    return null;
  } finally {
    clearTimeout(timer);
  }
}

async function refresh() {
  const answers = await askAll();
  if (answers === null) {
    showSilence();
    return;
  }
  const [status, listeners, alerts] = answers;
  lastAnswer = new Date();
  show("silence", false);
  at("main").classList.remove("stale");
  showVerdict(status);
  showTraffic(status);
  showTiles(status);
  showHealth(status);
  showAlerts(alerts.alerts, status);
  showListeners(listeners.listeners);
}

async function refreshForever() {
  for (;;) {
    try {
      if (!document.hidden) await refresh();
    } catch (error) {
      console.error(error); // a mistake of this page; the next answer may be one it can show
      write("silence", "This page could not show all of the sensor's answer.");
      show("silence", true);
    }
    await new Promise((resolve) => { setTimeout(resolve, REFRESH_MS); });
  }
}

refreshForever();
