// The way of an entry from this device to the book: readings together, everything else by itself to its own address. An
// entry leaves the outbox only when the server's answer names its UUID as saved; whatever else happens, it stays.
//
// { client_uuid, payload_version, kind, path, body, user_id, person, vessel_code, title or symbol, typed_at } and for a note
// `photo`. Without a version: a reading.

import { _ } from "../words.js";
import { meet } from "./clock.js";
import { addEntries, listEntries, putEntry, removeEntries, replaceEntry } from "./keep.js";

// As in core/payload_version.py.
export const PAYLOAD_VERSION = 2;
export const versionOf = (entry) => entry.payload_version ?? 1;
/** Kept until the newer page is back. */
export const isNewer = (entry) => versionOf(entry) > PAYLOAD_VERSION;

export const UNDO_MS = 10_000; // how long an entry can be taken back before it is sent
const AT_ONCE = 100; // readings a request
const EVERY_MS = 30_000;
const LONGEST_WAIT_MS = 5 * 60_000;
const PATIENCE_MS = 15_000;
const PHOTO_PATIENCE_MS = 120_000;
const ENTRY_OF_TASK = ["addition", "cap_work", "transfer"]; // what doing a task sends along
const isReading = (entry) => (entry.kind ?? "sample") === "sample";

/** Says "changed" when an entry came, went or was refused, and "state" when the way to the server changed. */
export const news = new EventTarget();
/** idle, sending, unreachable, signed-out, somebody-else, older-server, busy */
export let state = "idle";
export let reachedAt = null;

let person = null;
let tries = 0;
let timer = null;
let due = EVERY_MS; // until the next entry may go
let running = null;
let again = false; // somebody asked while it ran

const tell = (kind) => news.dispatchEvent(new Event(kind));
function become(next) { if (state !== next) { state = next; tell("state"); } }

/** What a question to the server found: it is out of reach, or nobody is signed in. */
export function notice(why, lastReachedAt) { reachedAt ??= lastReachedAt; become(why); }

/** Entries belong to whom the screen showed when they were typed; only that person's session sends them. */
export function sendFor(somebody) { person = somebody; if (["signed-out", "somebody-else"].includes(state)) become("idle"); }

/** A version 4 UUID, also where a page without TLS has no crypto.randomUUID. */
export function makeUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Ask the server, and learn its time from whatever it answers. Throws where there is no answer. */
export async function askServer(path, { body, form, somebody = null, version, patience = PATIENCE_MS } = {}) {
  // Refusals are read on this page, so they are said in its language.
  const headers = { Accept: "application/json", "Accept-Language": document.documentElement.lang, "X-Requested-With": "round" };
  if (version) headers["X-Payload-Version"] = String(version);
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (somebody) headers["X-Acting-Person"] = String(somebody.user_id);
  const asked = Date.now();
  const response = await fetch(path, {
    method: body === undefined && !form ? "GET" : "POST", headers, cache: "no-store", signal: AbortSignal.timeout(patience),
    body: form ?? (body === undefined ? undefined : JSON.stringify(body)),
  });
  reachedAt = Date.now();
  meet(response, asked, reachedAt);
  return response;
}

/** Keep entries; resolved once they are safe on this device. */
export async function add(entries) {
  await addEntries(entries.map((entry) => ({ ...entry, payload_version: PAYLOAD_VERSION })));
  tell("changed");
  due = Math.min(due, UNDO_MS);
  if (!tries) plan();
}

/** Take entries back that were not sent yet; how many there still were. */
export async function takeBack(uuids) {
  await running; // what is on its way may be saved: wait for the answer, then look what is left
  const left = new Set((await listEntries()).map((entry) => entry.client_uuid));
  const mine = uuids.filter((uuid) => left.has(uuid));
  await removeEntries(mine);
  tell("changed");
  return mine.length;
}

/** Send an entry again, with its body changed: something else, or the word that it is meant so. */
export async function mend(entry, change, title = entry.title) {
  // What is mended is another entry: the server may have seen the first one under its UUID.
  const anew = Object.keys(change).some((name) => name !== "confirm");
  const uuid = anew ? makeUuid() : entry.client_uuid;
  const inside = ENTRY_OF_TASK.find((name) => entry.body[name]);
  const inner = inside && { ...entry.body[inside], ...change, ...(anew && { client_uuid: makeUuid() }) };
  const body = inside ? { ...entry.body, client_uuid: uuid, [inside]: inner } : { ...entry.body, ...change, client_uuid: uuid };
  await replaceEntry(entry.client_uuid, { ...entry, payload_version: PAYLOAD_VERSION, client_uuid: uuid, body, title, problem: null, status: null });
  tell("changed");
  return flush();
}

export async function drop(uuid) { await removeEntries([uuid]); tell("changed"); }

// A clock that was set back must not hold an entry for years.
function heldFor(entry) { const age = Date.now() - entry.typed_at; return age >= 0 && age < UNDO_MS ? UNDO_MS - age : 0; }

/** Send what waits; called by time, by the browser's events and by hand. One tab at a time does it. */
export function flush() {
  if (running) { again = true; return running; }
  running = alone(sendAll).catch(() => become("unreachable")).finally(() => {
    running = null;
    if (again) { again = false; flush(); } else plan();
  });
  return running;
}

function alone(act) {
  if (!navigator.locks) return act(); // a page without TLS; the server knows every UUID anyway
  return navigator.locks.request("winery-outbox", { ifAvailable: true }, (lock) => (lock ? act() : undefined));
}

async function sendAll() {
  for (;;) {
    const mine = (await listEntries()).filter((entry) => entry.user_id === person?.user_id && !entry.problem && !isNewer(entry));
    const waiting = mine.filter((entry) => !heldFor(entry));
    due = Math.min(...mine.map(heldFor).filter(Boolean), EVERY_MS);
    if (!waiting.length) { if (state === "sending") become("idle"); return; }
    become("sending");
    waiting.sort((a, b) => a.typed_at - b.typed_at);
    const [first] = waiting;
    const other = waiting.findIndex((entry) => !isReading(entry) || versionOf(entry) !== versionOf(first));
    const sent = isReading(first) ? await sendSome(waiting.slice(0, other < 0 ? AT_ONCE : Math.min(other, AT_ONCE))) : await sendOne(first);
    if (!sent) return;
  }
}

/** Send entries in one request; whether to go on. */
async function sendSome(entries) {
  let response;
  try {
    response = await askServer("/api/v1/samples/batch", { body: { items: entries.map((entry) => entry.body) }, somebody: person, version: versionOf(entries[0]) });
  } catch { return giveUp("unreachable"); }
  const answer = await readJson(response);
  if (response.status === 401) return giveUp(answer?.code === "other_person" ? "somebody-else" : "signed-out");
  if (answer?.code === "payload_newer") return giveUp("older-server");
  if (response.ok && isAbout(answer, entries)) {
    tries = 0;
    await settle(entries, answer.items);
    return true;
  }
  if ([400, 413, 422].includes(response.status) && answer) {
    // The request as a whole was refused: find out which of them it was.
    if (entries.length > 1) {
      const half = Math.ceil(entries.length / 2);
      return (await sendSome(entries.slice(0, half))) && sendSome(entries.slice(half));
    }
    await refuse(entries[0], "refused", answer);
    return true;
  }
  if (response.status === 403 && answer) {
    for (const entry of entries) await refuse(entry, "refused", answer);
    return true;
  }
  return giveUp(response.status >= 500 && !answer ? "unreachable" : "busy");
}

/** Send an entry that is no reading to its own address; whether to go on. */
async function sendOne(entry) {
  let response;
  try {
    response = await askServer(entry.path, { ...(entry.photo ? { form: makeForm(entry), patience: PHOTO_PATIENCE_MS } : { body: entry.body }), somebody: person, version: versionOf(entry) });
  } catch { return giveUp("unreachable"); }
  const answer = await readJson(response);
  if (response.status === 401) return giveUp(answer?.code === "other_person" ? "somebody-else" : "signed-out");
  if (answer?.code === "payload_newer") return giveUp("older-server");
  if (response.ok && (answer?.client_uuid === entry.client_uuid || (entry.task_id && answer?.id === entry.task_id && answer.closed_at))) {
    tries = 0;
    await removeEntries([entry.client_uuid]);
    tell("changed");
    return true;
  }
  if ([400, 403, 404, 409, 413, 422].includes(response.status) && answer) {
    await refuse(entry, answer.code === "needs_confirmation" ? answer.code : "refused", answer);
    return true;
  }
  return giveUp(response.status >= 500 && !answer ? "unreachable" : "busy");
}

function makeForm({ body, photo }) {
  const form = new FormData();
  for (const [name, value] of Object.entries(body)) if (value !== "") form.append(name, value);
  form.append("photo", new Blob([photo.bytes], { type: photo.type }), "photo");
  return form;
}

async function readJson(response) {
  if (!(response.headers.get("Content-Type") ?? "").includes("json")) return null;
  try { return await response.json(); } catch { return null; }
}

const isAbout = (answer, entries) => Array.isArray(answer?.items) && answer.items.length === entries.length
  && answer.items.every((item, place) => item.client_uuid === entries[place].client_uuid);

async function settle(entries, items) {
  const saved = items.filter((item) => ["created", "repeated"].includes(item.status)).map((item) => item.client_uuid);
  await removeEntries(saved);
  for (const [place, item] of items.entries()) {
    if (!saved.includes(item.client_uuid)) await refuse(entries[place], item.status, item.problem);
  }
  tell("changed");
}

async function refuse(entry, status, problem) {
  await putEntry({ ...entry, status, problem: { code: problem?.code ?? status, detail: problem?.detail ?? _("The server refused this.") } });
  tell("changed");
}

function giveUp(why) { tries += 1; become(why); return false; }

// Full jitter: phones that lost the server together do not come back together.
function plan() {
  clearTimeout(timer);
  const wait = tries ? Math.max(1000, Math.random() * Math.min(LONGEST_WAIT_MS, 2000 * 2 ** Math.min(tries, 8))) : due + 50;
  timer = setTimeout(() => flush(), wait);
}

/** Send now, and whenever there may be a chance. */
export function keepSending() {
  const hurry = () => { tries = 0; flush(); };
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) hurry(); });
  hurry();
}

/** The queue as a file, for the day when nothing else helps. */
export async function exportFile() {
  const written = (name, value) => (value instanceof ArrayBuffer ? _("%(n)s bytes of a photo, which stay on the device", { n: value.byteLength }) : value);
  const text = JSON.stringify({ made_at: new Date().toISOString(), person, entries: await listEntries() }, written, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "entries-on-this-device.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
