// What every page shares that is written on out of the server's reach: who is here, what waits, the way to the server, and
// one view at a time before the eyes.

import { WORTH_TELLING_MS, clockOffset, startClock } from "./clock.js";
import { canKeep, keep, listEntries, recall } from "./keep.js";
import * as outbox from "./outbox.js";
import { People } from "./people.js";
import { Tray, tellState } from "./tray.js";
import { _ } from "../words.js";
import { showAge, showSpan } from "./words.js";

const PATIENCE_MS = 4000;
export const $ = (selector) => document.querySelector(selector);

/** What the page knows: the server's last answer, who asked, and what waits on this device. */
export const known = { data: null, person: null, entries: [] };
let options = null;
let tray = null;

/** Bring a view before the eyes, and its heading to whoever listens. */
export function show(view) {
  for (const one of document.querySelectorAll("[data-view]")) one.hidden = one.dataset.view !== view;
  document.body.dataset.showing = view;
  if (view !== options?.home) $(`[data-view="${view}"] h2`)?.focus();
}

let quietTimer = null;
/** Say something for a few seconds. */
export function say(words) {
  $("[data-said-words]").textContent = words;
  $("[data-said]").hidden = false;
  clearTimeout(quietTimer);
  quietTimer = setTimeout(() => { $("[data-said]").hidden = true; }, 6000);
}

/** Ask the server anew; heard, unreachable or signed-out. */
export async function hear() {
  let response;
  try { response = await outbox.askServer(options.path, { patience: PATIENCE_MS }); } catch { return "unreachable"; }
  if (response.status === 401) return "signed-out";
  if (!response.ok || !(response.headers.get("Content-Type") ?? "").includes("json")) return "unreachable";
  known.data = await response.json();
  known.person = known.data.person;
  await Promise.all([keep(options.key, known.data), keep("person", known.person)]);
  outbox.sendFor(known.person);
  return "heard";
}

/**
 * Begin: `path` is asked and its answer kept under `key`; `home` is the view that is written on; `draw` is called when
 * what waits has changed. Whether there is anything to write on.
 */
export async function begin(given) {
  options = given;
  if (!(await canKeep())) { show("no-storage"); return false; }
  navigator.storage?.persist?.();
  await startClock();
  [known.data, known.person] = await Promise.all([recall(options.key), recall("person")]);
  const heard = await hear();
  if (!known.data || !known.person) {
    if (heard === "signed-out") location.assign(`/sign-in?next=${location.pathname}`);
    show("never-loaded");
    return false;
  }
  outbox.sendFor(known.person);
  if (heard !== "heard") outbox.notice(heard, Date.parse(known.data.as_of) - (clockOffset() ?? 0));
  known.entries = await listEntries();
  return true;
}

/** From now on send, and show how that goes. */
export function goOnSending({ mayMend, onMend, back }) {
  tray = new Tray($('[data-view="unsent"]'), { mayMend, onMend });
  $("[data-unsent]").addEventListener("click", () => { tray.show(known.entries, known.person, Date.now()); show("unsent"); });
  for (const one of document.querySelectorAll("[data-back]")) one.addEventListener("click", back);
  outbox.news.addEventListener("changed", async () => { await refresh(); drawTop(); options.draw(); });
  outbox.news.addEventListener("state", drawTop);
  setInterval(drawTop, 15_000);
  drawTop();
  outbox.keepSending();
  if ($("[data-person]")) new People($("[data-people]"), $("[data-person]"), { onChange: () => location.reload() }).offer(known.person);
}

/** Learn anew what waits. */
export async function refresh() {
  known.entries = await listEntries();
  if (document.body.dataset.showing === "unsent") tray?.show(known.entries, known.person, Date.now());
}

function drawTop() {
  const { entries } = known;
  const refused = entries.filter((entry) => entry.problem).length;
  const button = $("[data-unsent]");
  button.classList.toggle("none", !entries.length);
  button.classList.toggle("refused", refused > 0);
  $("[data-unsent-count]").textContent = refused ? _("%(n)s to mend", { n: refused }) : entries.length ? _("%(n)s unsent", { n: entries.length }) : _("All sent");
  const oldest = Math.min(...entries.map((entry) => entry.typed_at));
  $("[data-unsent-age]").textContent = entries.length ? _("oldest %(age)s", { age: showAge(Date.now() - oldest) }) : "";
  const offset = clockOffset();
  const clock = offset !== null && Math.abs(offset) > WORTH_TELLING_MS
    ? _("This device's clock is %(span)s off. What you type gets the right time. Correct it today.", { span: showSpan(offset) }) : "";
  const words = [tellState(), clock].filter(Boolean).join(" ");
  $("[data-banner]").hidden = !words;
  if ($("[data-banner-words]").textContent !== words) $("[data-banner-words]").textContent = words;
  $("[data-banner-sign-in]").hidden = outbox.state !== "signed-out";
}

/** Keep the page and its files for when the server is out of reach. */
export function keepPage() {
  const cannot = () => { $("[data-no-worker]").hidden = false; };
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" }).catch(cannot);
  else cannot();
}
