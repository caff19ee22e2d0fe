// What the forms of the day's work share: a tank, a question asked once, an entry for the outbox, and mending a refused one.

import { $, known, refresh, say } from "../round/frame.js";
import * as outbox from "../round/outbox.js";
import { doTask, keepEntries, makeEntry, now, words } from "./entries.js";

export class WorkForm {
  constructor(kind) {
    this.kind = kind;
    this.form = $(`[data-form="${kind}"]`);
    this.fields = this.form.elements;
    this.asked = false;
    this.fields.tank?.append(...known.data.tanks.map((tank) => new Option(`${tank.vessel_codes.join(", ")} · ${tank.code}`, tank.fermentation_id)));
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.save(); });
    this.form.addEventListener("input", () => this.ask(null));
  }

  get tank() { return known.data.tanks.find((tank) => String(tank.fermentation_id) === this.fields.tank?.value); }

  doubt() { return null; }
  more() { return {}; }
  when() { return {}; }

  /** Begin anew for a tank, or for the task that asks for it, or with the refused entry that is mended. */
  begin({ tank = null, task = null, entry = null } = {}) {
    Object.assign(this, { task, mending: entry });
    const id = task?.fermentation_id ?? entry?.fermentation_id ?? tank?.fermentation_id;
    if (id && this.fields.tank) { this.fields.tank.value = id; this.fields.tank.dispatchEvent(new Event("change")); }
    if (this.fields.tank) this.fields.tank.disabled = Boolean(task ?? entry);
    if (entry) {
      const said = entry.body[{ move: "transfer" }[this.kind] ?? this.kind] ?? entry.body;
      for (const [name, value] of Object.entries(said)) if (this.fields[name] && this.fields[name].type !== "file") this.fields[name].value = value;
      this.form.dispatchEvent(new Event("input"));
    }
  }

  ask(doubt) {
    this.asked = false;
    const place = this.form.querySelector("[data-asked]");
    place.hidden = !doubt;
    place.querySelector("p").textContent = doubt?.words ?? "";
    this.form.querySelector("[data-save]").textContent = doubt && !doubt.refused ? words.keep : words.save;
    this.pending = doubt && !doubt.refused;
  }

  async save() {
    const doubt = this.doubt();
    if (doubt?.refused || (doubt && !this.pending)) return this.ask(doubt);
    this.asked = Boolean(doubt);
    const body = this.read();
    if (this.mending) {
      await outbox.mend(this.mending, { ...body, ...("confirm" in this.when("") && { confirm: this.asked }) }, this.title());
      await refresh();
      return this.clear();
    }
    const entry = makeEntry(this.kind, this.tank, this.path(), { ...body, ...this.when(now()) }, this.title(), await this.more());
    const made = this.task ? doTask(this.task, entry) : entry;
    return (await keepEntries([made], [made.vessel_code, made.title].filter(Boolean).join(": "))) ? this.clear() : undefined;
  }

  clear() {
    const { tank } = this.fields;
    const kept = tank?.value;
    this.form.reset();
    this.begin();
    if (tank) { tank.value = kept; tank.dispatchEvent(new Event("change")); }
    this.ask(null);
    say($("[data-kept]").textContent);
  }
}
