// The round: sugar, Next, temperature, Next, with one thumb and without the server.

import { doubtSugar, doubtTemperature, readNumber } from "./ask.js";
import { WORTH_TELLING_MS, clockOffset, startClock, timeOf } from "./clock.js";
import { canKeep, keep, listEntries, recall } from "./keep.js";
import * as outbox from "./outbox.js";
import { listen, press } from "./pad.js";
import { drawScale } from "./scale.js";
import { beginRound, findTank, nextTank, statusOf } from "./tanks.js";
import { Tray, fill, tellState } from "./tray.js";
import { count, dayAndTime, decimalsOf, showAge, showNumber, showSpan } from "./words.js";

const FIELDS = ["sugar", "temperature"];
const PATIENCE_MS = 4000;
const FRESH_EXPECTATION_MS = 6 * 3600_000;
const $ = (selector) => document.querySelector(selector);

let data = null; // the server's answer, as last heard
let round = null; // when it began, and what was done on this device
let person = null;
let entries = [];
let tank = null;
let typed = { sugar: "", temperature: "" };
let field = "sugar";
let confirmed = { sugar: false, temperature: false };
let mending = null; // the refused entry that is being typed anew
let undo = null;

// ---- which view is before the eyes

function show(view) {
  for (const one of document.querySelectorAll("[data-view]")) one.hidden = one.dataset.view !== view;
  document.body.dataset.showing = view;
  if (view !== "pad") $(`[data-view="${view}"] h2`)?.focus();
}
const isPad = () => document.body.dataset.showing === "pad" && !$("dialog[open]");

// ---- drawing

function draw() {
  drawProgress();
  drawUnsent();
  drawBanner();
  if (!data || !tank) return;
  $("[data-plate]").textContent = tank.vessel_code;
  $("[data-wine]").textContent = tank.origin || tank.code;
  $("[data-code]").textContent = tank.origin ? tank.code : "";
  $("[data-day]").textContent = `${{ red: "Red", white: "White", rose: "Rosé", orange: "Orange" }[tank.style]} · day ${tank.day}`;
  for (const name of FIELDS) {
    const button = $(`[data-field="${name}"]`);
    button.setAttribute("aria-pressed", String(name === field));
    button.querySelector("[data-value]").textContent = typed[name].replace("-", "−") || (name === field ? "" : "–");
  }
  for (const unit of document.querySelectorAll("[data-sugar-unit]")) unit.textContent = data.sugar_symbol;
  drawPrevious();
  drawScale($("[data-scale]"), { ...tank, expected: freshExpectation() }, readNumber(typed.sugar));
  drawNext();
}

function freshExpectation() {
  return tank.expected && Date.now() + (clockOffset() ?? 0) - Date.parse(data.as_of) < FRESH_EXPECTATION_MS ? tank.expected : null;
}

function drawPrevious() {
  const digits = field === "sugar" ? decimalsOf(data.sugar_symbol) : 1;
  const readings = tank[field];
  const slots = readings.length > 1 ? readings : [null, readings[0] ?? null];
  for (const [place, name] of ["before", "last"].entries()) {
    const reading = slots[place];
    $(`[data-previous="${name}"] dt span`).textContent = reading ? dayAndTime(Date.parse(reading.measured_at) - (clockOffset() ?? 0)) : "no reading";
    $(`[data-previous="${name}"] dd`).textContent = reading ? showNumber(reading.value, digits) : "–";
  }
  const expected = field === "sugar" ? freshExpectation() : null;
  $('[data-previous="expected"]').hidden = field !== "sugar";
  $("[data-expected]").textContent = expected ? showNumber(expected.value, digits) : "–";
  $("[data-expected-span]").textContent = expected ? `${showNumber(expected.low, digits)} to ${showNumber(expected.high, digits)}` : "not enough yet";
}

function drawNext() {
  const following = nextTank(data.tanks, statuses(), tank.fermentation_id);
  $("[data-next-what]").textContent = mending ? "save" : field === "sugar" ? "temperature" : following?.vessel_code ?? "done";
}

const statuses = () => new Map((data?.tanks ?? []).map((one) => [one.fermentation_id, statusOf(one, round, entries, clockOffset() ?? 0)]));

function drawProgress() {
  if (!data) return;
  const known = statuses();
  const done = data.tanks.filter((one) => !["to-come"].includes(known.get(one.fermentation_id)));
  $("[data-done]").textContent = `${done.length}/${data.tanks.length}`;
  const rule = $("[data-rule]");
  rule.replaceChildren(...data.tanks.map((one) => {
    const tick = document.createElement("i");
    tick.className = one === tank ? "here" : known.get(one.fermentation_id);
    return tick;
  }));
  const of = (status) => [...known.values()].filter((value) => value === status).length;
  rule.setAttribute("aria-label", `${done.length} of ${data.tanks.length} tanks read: ${of("saved")} saved, ${of("unsent")} unsent, ${of("skipped")} skipped, ${of("refused")} to mend; ${of("to-come")} to come`);
  drawList(known);
}

function drawList(known) {
  const list = $("[data-list]");
  if (!list.offsetParent) return; // a phone shows one tank at a time
  const words = { saved: "saved", unsent: "unsent", refused: "to mend", skipped: "skipped", "to-come": "to come" };
  list.querySelector("ul").replaceChildren(...data.tanks.map((one) => {
    const status = known.get(one.fermentation_id);
    const last = one.sugar.at(-1);
    const row = fill("row-tank", {
      code: one.vessel_code, wine: one.origin || one.code, last: last ? showNumber(last.value, decimalsOf(data.sugar_symbol)) : "–",
      now: round.marks[one.fermentation_id]?.sugar?.replace("-", "−") ?? "", status: one === tank ? "now" : words[status],
    });
    row.className = one === tank ? "here" : status;
    row.querySelector("button").addEventListener("click", () => goTo(one));
    if (one === tank) row.querySelector("button").setAttribute("aria-current", "true");
    return row;
  }));
}

function drawUnsent() {
  const refused = entries.filter((entry) => entry.problem).length;
  const waiting = entries.length - refused;
  const button = $("[data-unsent]");
  button.classList.toggle("none", !entries.length);
  button.classList.toggle("refused", refused > 0);
  $("[data-unsent-count]").textContent = refused ? `${refused} to mend` : waiting ? `${waiting} unsent` : "All sent";
  const oldest = Math.min(...entries.map((entry) => entry.typed_at));
  $("[data-unsent-age]").textContent = entries.length ? `oldest ${showAge(Date.now() - oldest)}` : "";
}

function drawBanner() {
  const offset = clockOffset();
  const clock = offset !== null && Math.abs(offset) > WORTH_TELLING_MS
    ? `This device's clock is ${showSpan(offset)} off. Readings get the right time. Correct it today.` : "";
  const words = [tellState(), clock].filter(Boolean).join(" ");
  $("[data-banner]").hidden = !words;
  if ($("[data-banner-words]").textContent !== words) $("[data-banner-words]").textContent = words;
  $("[data-banner-sign-in]").hidden = outbox.state !== "signed-out";
}

// ---- the way through the tanks

function goTo(next) {
  mending = null;
  tank = next;
  typed = { sugar: "", temperature: "" };
  confirmed = { sugar: false, temperature: false };
  field = "sugar";
  show(tank ? "pad" : "done");
  if (!tank) drawDone();
  draw();
}

const goOn = () => goTo(nextTank(data.tanks, statuses(), tank?.fermentation_id) ?? null);

function drawDone() {
  const known = [...statuses().values()];
  const skipped = known.filter((status) => status === "skipped").length;
  $("[data-done-title]").textContent = data.tanks.length ? "The round is done" : "No ferment is running";
  $("[data-done-words]").textContent = data.tanks.length
    ? `${count(known.length - skipped, "tank is read", "tanks are read")}${skipped ? `, ${skipped} skipped` : ""}.`
    : "Tanks to be read will stand here as soon as a wine ferments.";
}

function act(key) {
  if (key === "next") return goNext();
  if (key === "skip") return show("skip");
  typed[field] = press(typed[field], key);
  confirmed[field] = false;
  return draw();
}

const doubts = { sugar: doubtSugar, temperature: doubtTemperature };

async function goNext() {
  const doubt = doubts[field](typed[field], { ...tank, expected: freshExpectation() }, data);
  if (typed[field] && readNumber(typed[field]) === null) return say("That is no number. Nothing was saved.");
  if (doubt && (doubt.refused || !confirmed[field])) return ask(doubt);
  if (mending) return saveMended();
  if (field === "sugar") { field = "temperature"; return draw(); }
  if (!typed.sugar && !typed.temperature) return say("Type a number, or skip this tank.");
  return save();
}

function ask(doubt) {
  $("[data-ask-title]").textContent = doubt.title;
  $("[data-ask-words]").textContent = doubt.words ?? "";
  $("[data-ask-rest]").hidden = Boolean(doubt.refused);
  $("[data-keep-it]").hidden = Boolean(doubt.refused);
  show("ask");
}

async function save() {
  const now = Date.now();
  const made = FIELDS.filter((name) => typed[name]).map((name) => makeEntry(name, now));
  try {
    await outbox.add(made);
  } catch {
    return say("This device could not keep the reading. It is still in the fields: free some space and press Next again.");
  }
  round.marks[tank.fermentation_id] = { at: now, sugar: typed.sugar, temperature: typed.temperature };
  await keep("round", round);
  undo = { tank, typed: { ...typed }, uuids: made.map((entry) => entry.client_uuid) };
  offerUndo(`${tank.vessel_code}: ${made.map((entry) => `${entry.body.value.replace("-", "−")} ${entry.symbol}`).join(", ")} kept.`);
  return goOn();
}

function makeEntry(name, now) {
  const uuid = outbox.makeUuid();
  const [unit, symbol] = name === "sugar" ? [data.sugar_unit, data.sugar_symbol] : ["celsius", "°C"];
  const body = {
    fermentation_id: tank.fermentation_id, client_uuid: uuid, sample_type: name, value: typed[name], unit,
    measured_at: timeOf(now), device_time: new Date(now).toISOString(), confirm: confirmed[name],
  };
  if (clockOffset() !== null) body.clock_offset_ms = clockOffset();
  return { client_uuid: uuid, user_id: person.user_id, person: person.display_name, vessel_code: tank.vessel_code, symbol, typed_at: now, body };
}

async function saveMended() {
  const value = typed[field];
  if (!value) return say("Type a number, or drop the reading in the list.");
  await outbox.mend(mending, { value, confirm: confirmed[field] });
  mending = null;
  await refreshEntries();
  return openTray();
}

async function takeBack() {
  const back = undo;
  endUndo();
  const left = await outbox.takeBack(back.uuids);
  if (left < back.uuids.length) return say(`${back.tank.vessel_code} is in the book already. Correct it on the page of its ferment.`);
  delete round.marks[back.tank.fermentation_id];
  await keep("round", round);
  await refreshEntries();
  goTo(back.tank);
  typed = back.typed;
  return draw();
}

async function skip(reason) {
  round.marks[tank.fermentation_id] = { at: Date.now(), skipped: reason };
  await keep("round", round);
  say(`${tank.vessel_code} skipped: ${reason}.`);
  goOn();
}

let quietTimer = null;
function say(words) {
  $("[data-said-words]").textContent = words;
  $("[data-said]").hidden = false;
  clearTimeout(quietTimer);
  quietTimer = setTimeout(() => { $("[data-said]").hidden = true; }, 6000);
}

// The key to take the last entry back stands where no thumb needs to go on its way through the tanks.
let undoTimer = null;
function offerUndo(words) {
  $("[data-kept]").textContent = words;
  $("[data-undo] span").textContent = `Undo ${undo.tank.vessel_code}`;
  $("[data-undo]").hidden = false;
  $("[data-find]").hidden = true;
  clearTimeout(undoTimer);
  undoTimer = setTimeout(endUndo, outbox.UNDO_MS);
}
function endUndo() {
  undo = null;
  $("[data-undo]").hidden = true;
  $("[data-find]").hidden = false;
}

// ---- what waits

const tray = new Tray($('[data-view="unsent"]'), {
  onMend(entry) {
    const of = data.tanks.find((one) => one.fermentation_id === entry.body.fermentation_id);
    if (!of) return say("This ferment is not running any more. Correct it on its page, or drop the reading.");
    goTo(of);
    mending = entry;
    field = entry.body.sample_type;
    typed[field] = entry.body.value;
    return draw();
  },
});
function openTray() { tray.show(entries, person, Date.now()); show("unsent"); }

async function refreshEntries() {
  entries = await listEntries();
  if (document.body.dataset.showing === "unsent") tray.show(entries, person, Date.now());
}

// ---- beginning

async function hear() {
  let response;
  try { response = await outbox.askServer("/api/v1/round", { patience: PATIENCE_MS }); } catch { return "unreachable"; }
  if (response.status === 401) return "signed-out";
  if (!response.ok || !(response.headers.get("Content-Type") ?? "").includes("json")) return "unreachable";
  data = await response.json();
  person = data.person;
  await Promise.all([keep("round-data", data), keep("person", person)]);
  outbox.sendFor(person);
  return "heard";
}

async function start() {
  if (!(await canKeep())) return show("no-storage");
  navigator.storage?.persist?.();
  await startClock();
  [data, person, round] = await Promise.all([recall("round-data"), recall("person"), recall("round")]);
  const heard = await hear();
  if (!data || !person) {
    if (heard === "signed-out") location.assign("/sign-in?next=/round");
    return show("never-loaded");
  }
  outbox.sendFor(person);
  if (heard !== "heard") outbox.notice(heard, Date.parse(data.as_of) - (clockOffset() ?? 0));
  round = beginRound(round, Date.now());
  await keep("round", round);
  await refreshEntries();
  const wanted = decodeURIComponent(location.hash.slice(1));
  const first = (wanted && findTank(data.tanks, wanted)) || null;
  if (first) goTo(first); else goOn();
  outbox.keepSending();
  listenToEverything();
  return undefined;
}

async function startAnew() {
  await hear();
  round = beginRound(null, Date.now(), { anew: true });
  await keep("round", round);
  tank = null;
  goOn();
}

function listenToEverything() {
  listen($("[data-pad]"), isPad, act);
  for (const button of document.querySelectorAll("[data-field]")) {
    button.addEventListener("click", () => { field = button.dataset.field; draw(); });
  }
  const on = (selector, act_) => { for (const one of document.querySelectorAll(selector)) one.addEventListener("click", act_); };
  on("[data-type-again]", () => { typed[field] = ""; show("pad"); draw(); });
  on("[data-keep-it]", () => { confirmed[field] = true; show("pad"); goNext(); });
  on("[data-reason]", (event) => skip(event.currentTarget.dataset.reason));
  on("[data-unsent]", openTray);
  on("[data-back]", () => { show(tank ? "pad" : "done"); draw(); });
  on("[data-undo]", takeBack);
  on("[data-anew]", startAnew);
  on("[data-find]", () => $("[data-finder]").showModal());
  $("[data-finder]").addEventListener("close", find);
  addEventListener("hashchange", () => {
    const wanted = findTank(data.tanks, decodeURIComponent(location.hash.slice(1)));
    if (wanted) goTo(wanted);
  });
  outbox.news.addEventListener("changed", async () => { await refreshEntries(); draw(); });
  outbox.news.addEventListener("state", () => { drawBanner(); });
  setInterval(() => { drawUnsent(); drawBanner(); }, 15_000);
}

function find() {
  const finder = $("[data-finder]");
  const code = finder.querySelector("input").value;
  finder.querySelector("input").value = "";
  if (finder.returnValue !== "go" || !code.trim()) return;
  const found = findTank(data.tanks, code);
  if (found) goTo(found);
  else say(`No running tank is called ${code.trim()}.`);
}

if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" }).catch(() => { $("[data-no-worker]").hidden = false; });
else $("[data-no-worker]").hidden = false;
start();
