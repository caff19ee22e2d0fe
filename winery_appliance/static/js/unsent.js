// What was typed and waits on this device, told on every other page; they go off from here, too, and nobody
// signs out over them unawares.

import { listEntries } from "./round/keep.js";
import { keepSending, news, sendFor } from "./round/outbox.js";
import { _, ngettext } from "./words.js";

const place = document.querySelector("[data-waiting]");
const ask = document.querySelector("[data-ask-sign-out]");
let entries = [];

async function draw() {
  entries = await listEntries();
  const refused = entries.filter((entry) => entry.problem).length;
  place.textContent = refused ? _("%(n)s to mend", { n: refused }) : entries.length ? _("%(n)s unsent", { n: entries.length }) : "";
  place.hidden = !entries.length;
}

function explain() {
  const people = [...new Set(entries.map((entry) => entry.person))].join(", ");
  ask.querySelector("[data-title]").textContent = ngettext("%(num)s entry is not in the book yet", "%(num)s entries are not in the book yet", entries.length);
  ask.querySelector("[data-words]").textContent = _("They are of %(people)s. Signed out, they stay on this device, and go when %(people)s signs in here again.", { people });
}

function listenToSignOut() {
  for (const form of document.querySelectorAll("form[data-sign-out]")) {
    form.addEventListener("submit", (event) => {
      if (!entries.length || ask.returnValue === "leave") return;
      event.preventDefault();
      explain();
      ask.showModal();
      ask.onclose = () => { if (ask.returnValue === "leave") form.submit(); };
    });
  }
}

async function start() {
  try { await draw(); } catch { return; } // a browser that keeps nothing has nothing waiting
  news.addEventListener("changed", draw);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) draw(); });
  listenToSignOut();
  if (!entries.length) return;
  sendFor({ user_id: Number(place.dataset.waiting) });
  keepSending();
}
start();
