// The way of a reading from this device to the book. An entry leaves the outbox only when the server's answer names its
// UUID as saved; whatever else happens, it stays.

import { meet } from "./clock.js";
import { addEntries, listEntries, putEntry, removeEntries, replaceEntry } from "./keep.js";

export const UNDO_MS = 10_000; // how long an entry can be taken back before it is sent
const AT_ONCE = 100; // readings a request
const EVERY_MS = 30_000;
const LONGEST_WAIT_MS = 5 * 60_000;
const PATIENCE_MS = 15_000;

/** Says "changed" when an entry came, went or was refused, and "state" when the way to the server changed. */
export const news = new EventTarget();
/** idle, sending, unreachable, signed-out, somebody-else, busy */
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
export async function askServer(path, { body, somebody = null, patience = PATIENCE_MS } = {}) {
  const headers = { Accept: "application/json", "X-Requested-With": "round" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (somebody) headers["X-Acting-Person"] = String(somebody.user_id);
  const asked = Date.now();
  const response = await fetch(path, {
    method: body === undefined ? "GET" : "POST", headers, cache: "no-store", signal: AbortSignal.timeout(patience),
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  reachedAt = Date.now();
  meet(response, asked, reachedAt);
  return response;
}

/** Keep entries; resolved once they are safe on this device. */
export async function add(entries) {
  await addEntries(entries);
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

/** Send an entry again, with its body changed: another value, or the word that the value is meant. */
export async function mend(entry, change) {
  // A mended reading is another reading: the server may have seen the first one under its UUID.
  const uuid = "value" in change ? makeUuid() : entry.client_uuid;
  const body = { ...entry.body, ...change, client_uuid: uuid };
  await replaceEntry(entry.client_uuid, { ...entry, client_uuid: uuid, body, problem: null, status: null });
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
    const mine = (await listEntries()).filter((entry) => entry.user_id === person?.user_id && !entry.problem);
    const waiting = mine.filter((entry) => !heldFor(entry));
    due = Math.min(...mine.map(heldFor).filter(Boolean), EVERY_MS);
    if (!waiting.length) { if (state === "sending") become("idle"); return; }
    become("sending");
    waiting.sort((a, b) => a.typed_at - b.typed_at);
    if (!(await sendSome(waiting.slice(0, AT_ONCE)))) return;
  }
}

/** Send entries in one request; whether to go on. */
async function sendSome(entries) {
  let response;
  try {
    response = await askServer("/api/v1/samples/batch", { body: { items: entries.map((entry) => entry.body) }, somebody: person });
  } catch { return giveUp("unreachable"); }
  const answer = await readJson(response);
  if (response.status === 401) return giveUp(answer?.code === "other_person" ? "somebody-else" : "signed-out");
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
  await putEntry({ ...entry, status, problem: { code: problem?.code ?? status, detail: problem?.detail ?? "The server refused this." } });
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
  const text = JSON.stringify({ made_at: new Date().toISOString(), person, entries: await listEntries() }, null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "readings-on-this-device.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
