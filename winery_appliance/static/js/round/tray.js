// What waits on this device, and what the server refused: each can be sent, mended or dropped. Nothing vanishes by itself.

import { news, drop, exportFile, flush, mend, state, reachedAt } from "./outbox.js";
import { clockTime, count, showAgo } from "./words.js";

const STATES = {
  unreachable: "The server is out of reach{since}. Keep typing; everything is kept on this device.",
  "signed-out": "You are signed out. What you typed is kept. Sign in to send it.",
  "somebody-else": "Somebody else is signed in on this device now. These wait for who typed them.",
  busy: "The server cannot take them just now. They go off by themselves a little later.",
};

/** A sentence about the way to the server; empty where there is nothing to say. */
export function tellState() {
  const since = reachedAt ? ` since ${clockTime(reachedAt)}` : "";
  return (STATES[state] ?? "").replace("{since}", since);
}

const valueOf = ({ body, symbol }) => `${body.value.replace("-", "−")} ${symbol}`;

export class Tray {
  constructor(view, { onMend }) {
    this.view = view;
    this.onMend = onMend;
    view.querySelector("[data-send]").addEventListener("click", () => flush());
    view.querySelector("[data-export]").addEventListener("click", () => exportFile());
    news.addEventListener("state", () => this.tellState());
  }

  /** Show these entries to this person. */
  show(entries, person, now) {
    const refused = entries.filter((entry) => entry.problem);
    const waiting = entries.filter((entry) => !entry.problem);
    const mine = waiting.filter((entry) => entry.user_id === person?.user_id);
    const part = (name) => this.view.querySelector(`[data-part="${name}"]`);
    part("title").textContent = this.title(refused, waiting);
    part("words").textContent = waiting.length
      ? `They are safe here and go to the server by themselves when it can be reached. The oldest was typed ${showAgo(now - Math.min(...waiting.map((entry) => entry.typed_at)))}.`
      : refused.length ? "The rest is saved." : "All readings are in the book.";
    part("refused").replaceChildren(...refused.map((entry) => this.refusedRow(entry)));
    part("waiting").replaceChildren(...waiting.map((entry) => this.waitingRow(entry, person)));
    this.view.querySelector("[data-send]").hidden = !mine.length;
    this.view.querySelector("[data-export]").hidden = !entries.length;
    this.tellState();
  }

  title(refused, waiting) {
    if (refused.length) return count(refused.length, "reading needs attention", "readings need attention");
    return waiting.length ? count(waiting.length, "reading waits on this device", "readings wait on this device") : "Nothing waits here";
  }

  tellState() {
    const words = tellState();
    const box = this.view.querySelector('[data-part="state"]');
    box.hidden = !words;
    box.querySelector("[data-words]").textContent = words;
    this.view.querySelector("[data-sign-in]").hidden = state !== "signed-out";
  }

  waitingRow(entry, person) {
    const row = fill("row-waiting", {
      code: entry.vessel_code, value: valueOf(entry), when: `typed ${clockTime(entry.typed_at)}`,
      who: entry.user_id === person?.user_id ? "" : `of ${entry.person}; they go when ${entry.person} signs in here`,
    });
    return row;
  }

  refusedRow(entry) {
    const row = fill("row-refused", { code: entry.vessel_code, value: valueOf(entry), when: `typed ${clockTime(entry.typed_at)}`, why: entry.problem.detail });
    const may = (name, act) => row.querySelector(`[data-act="${name}"]`).addEventListener("click", act);
    const asks = entry.status === "needs_confirmation";
    row.querySelector('[data-act="keep"]').hidden = !asks;
    may("keep", () => mend(entry, { confirm: true }));
    may("mend", () => this.onMend(entry));
    may("drop", () => drop(entry.client_uuid));
    return row;
  }
}

/** A copy of a template with its words filled in. */
export function fill(template, words) {
  const made = document.getElementById(template).content.firstElementChild.cloneNode(true);
  for (const [name, text] of Object.entries(words)) {
    const place = made.querySelector(`[data-word="${name}"]`);
    place.textContent = text;
    if (!text && place.tagName === "SMALL") place.remove();
  }
  return made;
}
