// The round: sugar, Next, temperature, Next, with one thumb and without the server.

import { doubtSugar, doubtTemperature, readNumber } from "./ask.js";
import { clockOffset, timeOf } from "./clock.js";
import { Finder } from "./finder.js";
import { $, begin, goOnSending, hear, keepPage, known, refresh, say, show } from "./frame.js";
import { keep, recall } from "./keep.js";
import * as outbox from "./outbox.js";
import { listen, press } from "./pad.js";
import { drawScale } from "./scale.js";
import { beginRound, fermentationOf, findTank, nextTank, statusOf } from "./tanks.js";
import { fill } from "./tray.js";
import { _, ngettext } from "../words.js";
import { dayAndTime, decimalsOf, showNumber, showTyped } from "./words.js";

const FIELDS = ["sugar", "temperature"];
const STYLES = { red: _("Red"), white: _("White"), rose: _("Rosé"), orange: _("Orange") };
const STATUSES = { saved: _("saved"), unsent: _("unsent"), refused: _("to mend"), skipped: _("skipped"), "to-come": _("to come") };
const FRESH_EXPECTATION_MS = 6 * 3600_000;

let round = null; // when it began, and what was done on this device
let tank = null;
let vessel = ""; // one of the vessels the wine lies in: the one that was looked for, else the first
let typed = { sugar: "", temperature: "" };
let field = "sugar";
let confirmed = { sugar: false, temperature: false };
let mending = null; // the refused entry that is being typed anew
let undo = null;

const isPad = () => document.body.dataset.showing === "pad" && !$("dialog[open]");

// ---- drawing

function draw() {
  drawProgress();
  const { data } = known;
  if (!data || !tank) return;
  $("[data-plate]").textContent = vessel;
  const others = (tank.vessel_codes ?? []).filter((code) => code !== vessel);
  $("[data-others]").textContent = others.length ? ngettext("%(vessel)s and %(num)s vessel more with this wine: %(others)s", "%(vessel)s and %(num)s vessels more with this wine: %(others)s", others.length, { vessel, others: others.join(", ") }) : "";
  $("[data-wine]").textContent = tank.origin || tank.code;
  $("[data-code]").textContent = tank.origin ? tank.code : "";
  $("[data-day]").textContent = `${STYLES[tank.style]} · ${_("day %(n)s", { n: tank.day })}`;
  for (const name of FIELDS) {
    const button = $(`[data-field="${name}"]`);
    button.setAttribute("aria-pressed", String(name === field));
    button.querySelector("[data-value]").textContent = showTyped(typed[name]) || (name === field ? "" : "–");
  }
  for (const unit of document.querySelectorAll("[data-sugar-unit]")) unit.textContent = data.sugar_symbol;
  drawPrevious();
  drawScale($("[data-scale]"), { ...tank, expected: freshExpectation() }, readNumber(typed.sugar));
  drawNext();
}

function freshExpectation() {
  return tank.expected && Date.now() + (clockOffset() ?? 0) - Date.parse(known.data.as_of) < FRESH_EXPECTATION_MS ? tank.expected : null;
}

function drawPrevious() {
  const digits = field === "sugar" ? decimalsOf(known.data.sugar_symbol) : 1;
  const readings = tank[field];
  const slots = readings.length > 1 ? readings : [null, readings[0] ?? null];
  for (const [place, name] of ["before", "last"].entries()) {
    const reading = slots[place];
    $(`[data-previous="${name}"] dt span`).textContent = reading ? dayAndTime(Date.parse(reading.measured_at) - (clockOffset() ?? 0)) : _("no reading");
    $(`[data-previous="${name}"] dd`).textContent = reading ? showNumber(reading.value, digits) : "–";
  }
  const expected = field === "sugar" ? freshExpectation() : null;
  $('[data-previous="expected"]').hidden = field !== "sugar";
  $("[data-expected]").textContent = expected ? showNumber(expected.value, digits) : "–";
  $("[data-expected-span]").textContent = expected ? _("%(low)s to %(high)s", { low: showNumber(expected.low, digits), high: showNumber(expected.high, digits) }) : _("not enough yet");
}

function drawNext() {
  const following = nextTank(known.data.tanks, statuses(), tank.fermentation_id);
  $("[data-next-what]").textContent = mending ? _("save") : field === "sugar" ? _("temperature") : following?.vessel_code ?? _("done");
}

const statuses = () => new Map((known.data?.tanks ?? []).map((one) => [one.fermentation_id, statusOf(one, round, known.entries, clockOffset() ?? 0)]));

function drawProgress() {
  const { data } = known;
  if (!data) return;
  const status = statuses();
  const done = data.tanks.filter((one) => !["to-come"].includes(status.get(one.fermentation_id)));
  $("[data-done]").textContent = `${done.length}/${data.tanks.length}`;
  const rule = $("[data-rule]");
  rule.replaceChildren(...data.tanks.map((one) => {
    const tick = document.createElement("i");
    tick.className = one === tank ? "here" : status.get(one.fermentation_id);
    return tick;
  }));
  const of = (kind) => [...status.values()].filter((value) => value === kind).length;
  rule.setAttribute("aria-label", _("%(done)s of %(all)s tanks read: %(saved)s saved, %(unsent)s unsent, %(skipped)s skipped, %(refused)s to mend; %(rest)s to come", {
    done: done.length, all: data.tanks.length, saved: of("saved"), unsent: of("unsent"), skipped: of("skipped"), refused: of("refused"), rest: of("to-come"),
  }));
  drawList(data, status);
}

function drawList(data, statusBy) {
  const list = $("[data-list]");
  if (!list.offsetParent) return; // a phone shows one tank at a time
  list.querySelector("ul").replaceChildren(...data.tanks.map((one) => {
    const status = statusBy.get(one.fermentation_id);
    const last = one.sugar.at(-1);
    const row = fill("row-tank", {
      code: one.vessel_code, wine: one.origin || one.code, last: last ? showNumber(last.value, decimalsOf(data.sugar_symbol)) : "–",
      now: showTyped(round.marks[one.fermentation_id]?.sugar ?? ""), status: one === tank ? _("now") : STATUSES[status],
    });
    row.className = one === tank ? "here" : status;
    row.querySelector("button").addEventListener("click", () => goTo(one));
    if (one === tank) row.querySelector("button").setAttribute("aria-current", "true");
    return row;
  }));
}

// ---- the way through the tanks

function goTo(next, wanted = "") {
  mending = null;
  tank = next;
  vessel = tank ? tank.vessel_codes?.find((code) => code.toLowerCase() === wanted.trim().toLowerCase()) ?? tank.vessel_code : "";
  typed = { sugar: "", temperature: "" };
  confirmed = { sugar: false, temperature: false };
  field = "sugar";
  show(tank ? "pad" : "done");
  if (!tank) drawDone();
  draw();
}

const goOn = () => goTo(nextTank(known.data.tanks, statuses(), tank?.fermentation_id) ?? null);

function drawDone() {
  const all = [...statuses().values()];
  const { data } = known;
  const skipped = all.filter((status) => status === "skipped").length;
  $("[data-done-title]").textContent = data.tanks.length ? _("The round is done") : _("No ferment is running");
  $("[data-done-words]").textContent = data.tanks.length
    ? [ngettext("%(num)s tank is read.", "%(num)s tanks are read.", all.length - skipped), skipped && _("%(n)s skipped.", { n: skipped })].filter(Boolean).join(" ")
    : _("Tanks to be read will stand here as soon as a wine ferments.");
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
  const doubt = doubts[field](typed[field], { ...tank, expected: freshExpectation() }, known.data);
  if (typed[field] && readNumber(typed[field]) === null) return say(_("That is no number. Nothing was saved."));
  if (doubt && (doubt.refused || !confirmed[field])) return ask(doubt);
  if (mending) return saveMended();
  if (field === "sugar") { field = "temperature"; return draw(); }
  if (!typed.sugar && !typed.temperature) return say(_("Type a number, or skip this tank."));
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
    return say(_("This device could not keep the reading. It is still in the fields: free some space and press Next again."));
  }
  round.marks[tank.fermentation_id] = { at: now, sugar: typed.sugar, temperature: typed.temperature };
  await keep("round", round);
  undo = { tank, typed: { ...typed }, uuids: made.map((entry) => entry.client_uuid) };
  offerUndo(_("%(vessel)s: %(values)s kept.", { vessel, values: made.map((entry) => `${showTyped(entry.body.value)} ${entry.symbol}`).join(", ") }));
  return goOn();
}

/** Entries belong to whom the screen shows. */
const whose = () => ({ user_id: known.person.user_id, person: known.person.display_name });

function makeEntry(name, now) {
  const uuid = outbox.makeUuid();
  const [unit, symbol] = name === "sugar" ? [known.data.sugar_unit, known.data.sugar_symbol] : ["celsius", "°C"];
  const body = {
    fermentation_id: tank.fermentation_id, client_uuid: uuid, sample_type: name, value: typed[name], unit,
    measured_at: timeOf(now), device_time: new Date(now).toISOString(), confirm: confirmed[name],
  };
  if (clockOffset() !== null) body.clock_offset_ms = clockOffset();
  return { kind: "sample", client_uuid: uuid, ...whose(), vessel_code: vessel, symbol, typed_at: now, body };
}

function makeSkip(reason, now) {
  const uuid = outbox.makeUuid();
  return {
    kind: "skip", client_uuid: uuid, ...whose(), vessel_code: vessel, title: _("not read: %(reason)s", { reason }),
    typed_at: now, fermentation_id: tank.fermentation_id, path: `/api/v1/fermentations/${tank.fermentation_id}/skipped-readings`,
    body: { client_uuid: uuid, reason, skipped_at: timeOf(now) },
  };
}

async function saveMended() {
  const value = typed[field];
  if (!value) return say(_("Type a number, or drop the reading in the list."));
  await outbox.mend(mending, { value, confirm: confirmed[field] });
  mending = null;
  await refresh();
  return $("[data-unsent]").click();
}

async function takeBack() {
  const back = undo;
  endUndo();
  const left = await outbox.takeBack(back.uuids);
  if (left < back.uuids.length) return say(_("%(vessel)s is in the book already. Correct it on the page of its ferment.", { vessel: back.tank.vessel_code }));
  delete round.marks[back.tank.fermentation_id];
  await keep("round", round);
  await refresh();
  goTo(back.tank);
  typed = back.typed;
  return draw();
}

async function skip(reason) {
  const now = Date.now();
  const made = makeSkip(reason, now);
  try { await outbox.add([made]); } catch { return say(_("This device could not keep that. Free some space and try again.")); }
  round.marks[tank.fermentation_id] = { at: now, skipped: reason };
  await keep("round", round);
  undo = { tank, typed: { sugar: "", temperature: "" }, uuids: [made.client_uuid] };
  offerUndo(_("%(vessel)s skipped: %(reason)s.", { vessel, reason }));
  return goOn();
}

// The key to take the last entry back stands where no thumb needs to go on its way through the tanks.
let undoTimer = null;
function offerUndo(words) {
  $("[data-kept]").textContent = words;
  showUndo(_("Undo %(vessel)s", { vessel: undo.tank.vessel_code }));
  clearTimeout(undoTimer);
  undoTimer = setTimeout(endUndo, outbox.UNDO_MS);
}
function endUndo() {
  undo = null;
  showUndo("");
}
function showUndo(words) {
  for (const one of document.querySelectorAll("[data-undo]")) {
    one.lastElementChild.textContent = words;
    one.hidden = !words;
  }
  $("[data-find]").hidden = Boolean(words);
}

// ---- what waits

function mend(entry) {
  if ((entry.kind ?? "sample") !== "sample") return location.assign(`/day#mend=${entry.client_uuid}`);
  if (!(entry.body.sample_type in typed)) return location.assign("/lab");
  const of = known.data.tanks.find((one) => one.fermentation_id === fermentationOf(entry));
  if (!of) return say(_("This ferment is not running any more. Correct it on its page, or drop the reading."));
  goTo(of);
  mending = entry;
  field = entry.body.sample_type;
  typed[field] = entry.body.value.replace(",", ".");
  return draw();
}

// ---- beginning

async function start() {
  if (!(await begin({ path: "/api/v1/round", key: "round-data", home: "pad", draw }))) return;
  round = beginRound(await recall("round"), Date.now());
  await keep("round", round);
  listenToEverything();
  if (!goToHash()) goOn();
  goOnSending({
    mayMend: (entry) => entry.kind !== "skip",
    onMend: mend,
    back: () => { show(tank ? "pad" : "done"); draw(); },
  });
}

function goToHash() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  const found = (wanted && findTank(known.data.tanks, wanted)) || null;
  if (found) goTo(found, wanted);
  return found;
}

const finder = new Finder($("[data-finder]"), {
  tanks: () => known.data.tanks,
  onFound: (found, code) => goTo(found, code),
  onLost: (code) => say(code === null ? _("The camera could not be used. Type the code instead.") : _("No running tank is called %(code)s.", { code })),
});


async function startAnew() {
  await hear();
  round = beginRound(null, Date.now(), { anew: true });
  await keep("round", round);
  tank = null;
  goOn();
}

function listenToEverything() {
  $('[data-key="point"]').textContent = showTyped(".");
  listen($("[data-pad]"), isPad, act);
  for (const button of document.querySelectorAll("[data-field]")) {
    button.addEventListener("click", () => { field = button.dataset.field; draw(); });
  }
  const on = (selector, act_) => { for (const one of document.querySelectorAll(selector)) one.addEventListener("click", act_); };
  on("[data-type-again]", () => { typed[field] = ""; show("pad"); draw(); });
  on("[data-keep-it]", () => { confirmed[field] = true; show("pad"); goNext(); });
  on("[data-reason]", (event) => skip(event.currentTarget.dataset.reason));
  on("[data-undo]", takeBack);
  on("[data-anew]", startAnew);
  on("[data-find]", () => finder.open());
  addEventListener("hashchange", goToHash);
}

keepPage();
start();
