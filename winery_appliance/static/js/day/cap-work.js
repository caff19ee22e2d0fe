// Pump-overs and punch-downs: several tanks at once, started, and done with the minutes filled in.

import { clockOffset, timeOf } from "../round/clock.js";
import { $, known, say } from "../round/frame.js";
import { keep, recall } from "../round/keep.js";
import { fill } from "../round/tray.js";
import { dayAndTime } from "../round/words.js";
import { doTask, keepEntries, makeEntry, words } from "./entries.js";

const USUAL_MIN = 15, MOST_MIN = 1440;

export class CapWork {
  constructor() {
    this.chosen = new Set();
    this.running = {};
    this.task = null;
    $("[data-start]").addEventListener("click", () => this.start());
    $("[data-done]").addEventListener("click", () => this.done());
    $("[data-minutes]").addEventListener("input", () => { this.typed = true; });
  }

  async open() { this.running = (await recall("cap-running")) ?? {}; }

  get kind() { return $('[name="cap-kind"]:checked').value; }
  nameOf(kind) { return $(`[name="cap-kind"][value="${kind}"]`)?.parentElement.textContent.trim() ?? kind; }

  /** The tank of a task stands chosen, and doing its cap work closes it. */
  begin(task) { this.task = task; this.chosen = new Set([task.fermentation_id]); this.draw(); }

  draw() {
    $("[data-cap-tanks]").replaceChildren(...known.data.tanks.map((tank) => {
      const row = fill("row-cap", { code: tank.vessel_code, wine: tank.code, told: this.tell(tank) });
      const box = row.querySelector("input");
      box.checked = this.chosen.has(tank.fermentation_id);
      row.className = this.running[tank.fermentation_id] ? "running" : "";
      box.addEventListener("change", () => { this.chosen[box.checked ? "add" : "delete"](tank.fermentation_id); this.fillMinutes(); });
      return row;
    }));
    this.fillMinutes();
  }

  tell(tank) {
    const running = this.running[tank.fermentation_id];
    if (running) return `${this.nameOf(running.kind)}, ${words.running}: ${minutesSince(running.at)} ${words.min}`;
    const waiting = known.entries.filter((entry) => entry.kind === "cap_work" && entry.fermentation_id === tank.fermentation_id).at(-1);
    if (waiting) return waiting.title;
    const { cap_work: last } = tank;
    return last ? `${this.nameOf(last.kind)}, ${dayAndTime(Date.parse(last.started_at) - (clockOffset() ?? 0))}${last.duration_min ? `, ${last.duration_min} ${words.min}` : ""}` : "";
  }

  fillMinutes() {
    if (this.typed) return;
    const going = [...this.chosen].map((id) => this.running[id]).filter(Boolean);
    $("[data-minutes]").value = this.chosen.size === 0 ? "" : going.length ? Math.max(...going.map(({ at }) => minutesSince(at))) : USUAL_MIN;
  }

  async start() {
    if (!this.chosen.size) return say(words.noneChosen);
    for (const id of this.chosen) this.running[id] ??= { kind: this.kind, at: Date.now() };
    await keep("cap-running", this.running);
    return this.clear();
  }

  async done() {
    if (!this.chosen.size) return say(words.noneChosen);
    const typed = Number($("[data-minutes]").value);
    if (this.typed && !(Number.isInteger(typed) && typed >= 1 && typed <= MOST_MIN)) return say(words.badMinutes);
    const made = known.data.tanks.filter((tank) => this.chosen.has(tank.fermentation_id)).map((tank) => this.makeOne(tank, typed));
    if (!(await keepEntries(made, made.map((entry) => `${entry.vessel_code}: ${entry.title}`).join("; ")))) return undefined;
    for (const id of this.chosen) delete this.running[id];
    await keep("cap-running", this.running);
    return this.clear();
  }

  makeOne(tank, typed) {
    const running = this.running[tank.fermentation_id];
    const minutes = this.typed || !running ? typed || USUAL_MIN : minutesSince(running.at);
    const kind = running?.kind ?? this.kind;
    const body = { kind, started_at: timeOf(running?.at ?? Date.now() - minutes * 60_000), duration_min: Math.min(minutes, MOST_MIN) };
    const entry = makeEntry("cap_work", tank, `/api/v1/fermentations/${tank.fermentation_id}/cap-work`, body, `${this.nameOf(kind)}, ${minutes} ${words.min}`);
    return this.task?.fermentation_id === tank.fermentation_id ? doTask(this.task, entry) : entry;
  }

  clear() {
    this.chosen.clear();
    this.typed = false;
    this.task = null;
    this.draw();
  }
}

// A clock that was set meanwhile must not make a pump-over of five years.
const minutesSince = (at) => Math.min(MOST_MIN, Math.max(1, Math.round((Date.now() - at) / 60_000)));
