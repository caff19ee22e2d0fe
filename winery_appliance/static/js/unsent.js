// Readings of the round that wait on this device, told on every other page; they go off from here, too, and nobody
// signs out over them unawares.

import { listEntries } from "./round/keep.js";
import { keepSending, news, sendFor } from "./round/outbox.js";
import { count } from "./round/words.js";

const place = document.querySelector("[data-waiting]");
const ask = document.querySelector("[data-ask-sign-out]");
let entries = [];

async function draw() {
  entries = await listEntries();
  const refused = entries.filter((entry) => entry.problem).length;
  place.textContent = refused ? `${refused} to mend` : entries.length ? `${entries.length} unsent` : "";
  place.hidden = !entries.length;
}

function explain() {
  const people = [...new Set(entries.map((entry) => entry.person))].join(", ");
  ask.querySelector("[data-title]").textContent = `${count(entries.length, "reading is", "readings are")} not in the book yet`;
  ask.querySelector("[data-words]").textContent = `They are of ${people}. Signed out, they stay on this device, and go when ${people} signs in here again.`;
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
