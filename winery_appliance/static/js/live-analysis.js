// Keeps the analysis fresh without disturbing the reader. htmx asks; this module decides what may be swapped in.

import { _ } from "./words.js";

const FRESH = 'id="analysis"';
let shown = null; // the answer that stands on the page

const isOurs = (event) => event.detail.target?.id === "analysis" || event.detail.elt?.id === "analysis";

function isReading() {
  const selection = getSelection();
  const panel = document.getElementById("analysis");
  return Boolean(selection && !selection.isCollapsed && panel?.contains(selection.anchorNode));
}

function newsOf(panel) {
  return panel?.querySelector("[data-news]")?.textContent.replace(/\s+/g, " ").trim() ?? "";
}

// A swapped-in live region is not read aloud; this one stays, and speaks only when the news changed.
function announce() {
  const voice = document.getElementById("analysis-spoken");
  const news = newsOf(document.getElementById("analysis"));
  if (voice && voice.dataset.last !== news) {
    voice.textContent = voice.dataset.last === undefined ? "" : news;
    voice.dataset.last = news;
  }
}

function tell(sentence) {
  const box = document.getElementById("out-of-reach");
  if (!box) return;
  box.hidden = !sentence;
  const words = box.querySelector("[data-words]");
  if (sentence && words.textContent !== sentence) words.textContent = sentence;
}

let silentSince = null;
function tellOutOfReach() {
  silentSince ??= new Date();
  const at = silentSince.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  tell(_("The server is out of reach since %(time)s. This page shows what was known then; saved readings are safe.", { time: at }));
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isOurs(event) && document.hidden) event.preventDefault();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (!isOurs(event)) return;
  const { xhr } = event.detail;
  silentSince = null;
  if (!event.detail.shouldSwap) return;
  if (!xhr.responseText.includes(FRESH)) {
    event.detail.shouldSwap = false; // a sign-in page, not an analysis
    tell(_("You are signed out. Saved readings are safe. Load the page again to sign in."));
    return;
  }
  tell("");
  if (xhr.responseText === shown || isReading()) event.detail.shouldSwap = false;
  else shown = xhr.responseText;
});

document.addEventListener("htmx:afterSwap", (event) => { if (isOurs(event)) announce(); });
document.addEventListener("htmx:sendError", (event) => { if (isOurs(event)) tellOutOfReach(); });
document.addEventListener("htmx:timeout", (event) => { if (isOurs(event)) tellOutOfReach(); });
document.addEventListener("htmx:responseError", (event) => {
  if (!isOurs(event)) return;
  const { status } = event.detail.xhr;
  if (status === 401) tell(_("You are signed out. Saved readings are safe. Load the page again to sign in."));
  else if (status !== 429) tell(_("The analysis cannot be asked just now. It is tried again by itself; saved readings are safe."));
});

announce();
