// What somebody planned: done by the entry that it asks for, or skipped with a reason.

import { clockOffset } from "../round/clock.js";
import { $, known } from "../round/frame.js";
import { makeUuid } from "../round/outbox.js";
import { fill } from "../round/tray.js";
import { dayAndTime } from "../round/words.js";
import { doTask, keepEntries, makeEntry, now, words } from "./entries.js";

const FORMS = { addition: "addition", cap_work: "cap", transfer: "move" };

export class Tasks {
  /** `openForm(tab, task)` brings the form that a task asks for. */
  constructor({ openForm }) { this.openForm = openForm; }

  draw() {
    const { tasks } = known.data;
    $("[data-tasks-title]").textContent = tasks.length ? $('[data-tab="tasks"]').textContent : words.noTask;
    $("[data-tasks]").replaceChildren(...tasks.map((task) => this.drawTask(task)));
  }

  drawTask(task) {
    const waits = known.entries.some((entry) => entry.task_id === task.id);
    const mine = task.assigned_to === known.person.user_id ? words.mine : task.assigned_to_name;
    const due = task.due_at && dayAndTime(Date.parse(task.due_at) - (clockOffset() ?? 0));
    const row = fill("row-task", { title: task.title, told: [this.vesselOf(task), mine, due, waits && words.waits].filter(Boolean).join(" · "), instructions: task.instructions });
    row.querySelector(".keys").hidden = waits;
    const [why, result] = [row.querySelector(".why"), row.querySelector(".result")];
    row.querySelector('[data-act="done"]').addEventListener("click", () => {
      if (FORMS[task.kind]) this.openForm(FORMS[task.kind], task);
      else if (task.kind === "sample") { result.hidden = false; result.elements.value.focus(); }
      else this.close(task, "do", {}, task.title);
    });
    row.querySelector('[data-act="skip"]').addEventListener("click", () => { why.hidden = false; why.elements.reason.focus(); });
    why.addEventListener("submit", (event) => { event.preventDefault(); this.skip(task, why.elements.reason.value.trim()); });
    result.addEventListener("submit", (event) => { event.preventDefault(); this.record(task, result.elements); });
    return row;
  }

  tankOf(task) { return known.data.tanks.find((tank) => tank.fermentation_id === task.fermentation_id); }
  vesselOf(task) { return task.vessel_code ?? this.tankOf(task)?.vessel_code; }

  close(task, verb, body, title) {
    const entry = makeEntry("task", this.tankOf(task), `/api/v1/tasks/${task.id}/${verb}`, body, title, { task_id: task.id });
    if (verb === "skip") delete entry.body.client_uuid; // a reason is all that is said
    entry.vessel_code ||= task.vessel_code ?? "";
    return keepEntries([entry], title);
  }

  skip(task, reason) { return reason ? this.close(task, "skip", { reason }, `${task.title}: ${reason}`) : undefined; }

  record(task, { sample_type, value }) {
    const [unit, symbol] = sample_type.value === "sugar" ? [known.data.sugar_unit, known.data.sugar_symbol] : ["celsius", "°C"];
    const body = { client_uuid: makeUuid(), sample_type: sample_type.value, value: value.value.trim(), unit, measured_at: now() };
    const entry = makeEntry("sample", this.tankOf(task), "", body, `${body.value} ${symbol}`);
    return keepEntries([{ ...doTask(task, { ...entry, body }), kind: "task" }], task.title);
  }
}
