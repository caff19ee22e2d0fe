// What waits on this device, and what the server refused: each can be sent, mended or dropped. Nothing vanishes by itself.

import { news, drop, exportFile, flush, isNewer, mend, state, reachedAt } from "./outbox.js";
import { _, ngettext } from "../words.js";
import { clockTime, showAgo, showTyped } from "./words.js";

const STATES = {
  unreachable: () => (reachedAt
    ? _("The server is out of reach since %(time)s. Keep typing; everything is kept on this device.", { time: clockTime(reachedAt) })
    : _("The server is out of reach. Keep typing; everything is kept on this device.")),
  "signed-out": () => _("You are signed out. What you typed is kept. Sign in to send it."),
  "somebody-else": () => _("Somebody else is signed in on this device now. These wait for who typed them."),
  "older-server": () => _("The server is of an older release than this page. What you type is kept and goes when the server is updated."),
  busy: () => _("The server cannot take them just now. They go off by themselves a little later."),
};

/** A sentence about the way to the server; empty where there is nothing to say. */
export const tellState = () => STATES[state]?.() ?? "";

const valueOf = ({ title, body, symbol }) => title ?? `${showTyped(body.value)} ${symbol}`;

export class Tray {
  constructor(view, { onMend, mayMend = () => true }) {
    this.view = view;
    this.mayMend = mayMend;
    this.onMend = onMend;
    view.querySelector("[data-send]").addEventListener("click", () => flush());
    view.querySelector("[data-export]").addEventListener("click", () => exportFile());
    news.addEventListener("state", () => this.tellState());
  }

  /** Show these entries to this person. */
  show(entries, person, now) {
    const refused = entries.filter((entry) => entry.problem);
    const waiting = entries.filter((entry) => !entry.problem);
    const mine = waiting.filter((entry) => entry.user_id === person?.user_id && !isNewer(entry));
    const part = (name) => this.view.querySelector(`[data-part="${name}"]`);
    part("title").textContent = this.title(refused, waiting);
    part("words").textContent = waiting.length
      ? _("They are safe here and go to the server by themselves when it can be reached. The oldest was typed %(ago)s.", { ago: showAgo(now - Math.min(...waiting.map((entry) => entry.typed_at))) })
      : refused.length ? _("The rest is saved.") : _("Everything is in the book.");
    part("refused").replaceChildren(...refused.map((entry) => this.refusedRow(entry)));
    part("waiting").replaceChildren(...waiting.map((entry) => this.waitingRow(entry, person)));
    this.view.querySelector("[data-send]").hidden = !mine.length;
    this.view.querySelector("[data-export]").hidden = !entries.length;
    this.tellState();
  }

  title(refused, waiting) {
    if (refused.length) return ngettext("%(num)s entry needs attention", "%(num)s entries need attention", refused.length);
    return waiting.length ? ngettext("%(num)s entry waits on this device", "%(num)s entries wait on this device", waiting.length) : _("Nothing waits here");
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
      code: entry.vessel_code, value: valueOf(entry), when: _("typed %(time)s", { time: clockTime(entry.typed_at) }),
      who: isNewer(entry) ? _("typed in a newer release of this page; it goes when that is back") : entry.user_id === person?.user_id ? "" : _("of %(who)s; they go when %(who)s signs in here", { who: entry.person }),
    });
    return row;
  }

  refusedRow(entry) {
    const row = fill("row-refused", { code: entry.vessel_code, value: valueOf(entry), when: _("typed %(time)s", { time: clockTime(entry.typed_at) }), why: entry.problem.detail });
    const may = (name, act) => row.querySelector(`[data-act="${name}"]`).addEventListener("click", act);
    const asks = entry.status === "needs_confirmation";
    row.querySelector('[data-act="keep"]').hidden = !asks;
    row.querySelector('[data-act="mend"]').hidden = !this.mayMend(entry);
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
