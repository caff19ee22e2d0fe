// Entries of the day's work, for the outbox: each goes to its own address, and belongs to whom the screen shows.

import { timeOf } from "../round/clock.js";
import { $, known, say } from "../round/frame.js";
import * as outbox from "../round/outbox.js";

export const words = $("#day-words").dataset;
let undoTimer = null;
let last = [];

/** An entry of `kind` about a tank, to be sent to `path`; `more` is kept beside it. */
export function makeEntry(kind, tank, path, body, title, more = {}) {
  const uuid = outbox.makeUuid();
  return {
    kind, client_uuid: uuid, user_id: known.person.user_id, person: known.person.display_name, vessel_code: tank?.vessel_code ?? "", title,
    fermentation_id: tank?.fermentation_id, typed_at: Date.now(), path, body: { client_uuid: uuid, ...body }, ...more,
  };
}

/** The same as what a task asks for: it is closed with it, both or neither. */
export function doTask(task, entry) {
  const uuid = outbox.makeUuid();
  const field = { move: "transfer" }[entry.kind] ?? entry.kind;
  return { ...entry, client_uuid: uuid, task_id: task.id, path: `/api/v1/tasks/${task.id}/do`, title: `${task.title}: ${entry.title}`, body: { client_uuid: uuid, [field]: entry.body } };
}

export const now = () => timeOf(Date.now());

/** Keep entries on this device and offer to take them back for ten seconds; whether they are kept. */
export async function keepEntries(entries, told) {
  try { await outbox.add(entries); } catch { say(words.notKept); return false; }
  last = entries.map((entry) => entry.client_uuid);
  $("[data-undo]").hidden = false;
  $("[data-kept]").textContent = told;
  clearTimeout(undoTimer);
  undoTimer = setTimeout(endUndo, outbox.UNDO_MS);
  return true;
}

function endUndo() { $("[data-undo]").hidden = true; last = []; }

$("[data-undo]").addEventListener("click", async () => {
  const mine = last;
  endUndo();
  if ((await outbox.takeBack(mine)) < mine.length) say(words.gone);
});
