// A sheet for the keyboard: Enter goes down, Tab goes right, a block from a spreadsheet is pasted where the cursor stands or,
// when it begins with the tanks' codes, each line at its tank. A cell is kept as soon as it is left.

import { _ } from "../words.js";
import { findTank } from "./tanks.js";

const bare = (text) => text.trim().replace("−", "-");

export class Grid {
  /**
   * `rows` are tanks, `columns` say { name, symbol }. `judge(row, column, text)` is a refusal or a question or null;
   * `keep(cells)` puts cells into the outbox and `takeBack(uuid)` says whether one was still there.
   */
  constructor(body, { rows, columns, judge, keep, takeBack, mend, say }) {
    Object.assign(this, { body, rows, columns, judge, keep, takeBack, mend, say });
    this.cells = rows.map((row, y) => columns.map((column, x) => this.makeCell(row, column, x, y)));
    body.addEventListener("keydown", (event) => this.onKey(event));
    body.addEventListener("change", (event) => this.commit(this.cellOf(event.target)));
    body.addEventListener("paste", (event) => this.onPaste(event));
  }

  makeCell(row, column, x, y) {
    const place = document.createElement("td"), input = document.createElement("input"), note = document.createElement("small");
    Object.assign(input, { type: "text", inputMode: "decimal", autocomplete: "off", maxLength: 20 });
    input.setAttribute("aria-label", column.symbol ? _("%(tank)s, %(what)s in %(unit)s", { tank: row.vessel_code, what: column.name, unit: column.symbol }) : `${row.vessel_code}, ${column.name}`);
    note.id = `note-${y}-${x}`;
    note.setAttribute("role", "status");
    input.setAttribute("aria-describedby", note.id);
    place.append(input, note);
    const cell = { row, column, x, y, place, input, note, uuid: null, kept: "", asked: null, entry: null };
    this.become(cell, "", column.last?.(row) ?? "");
    return cell;
  }

  cellOf(input) { return this.cells.flat().find((cell) => cell.input === input); }

  become(cell, state, words) {
    cell.place.className = state;
    cell.note.textContent = words;
    cell.input.toggleAttribute("aria-invalid", state === "refused");
    if (state === "refused") cell.input.setAttribute("aria-invalid", "true");
    cell.input.readOnly = state === "saved";
  }

  /** Whether what stands in the cell is worth keeping: it says why not, and asks what is odd until somebody is sure. */
  passes(cell, sure = false) {
    const text = bare(cell.input.value);
    const doubt = this.judge(cell.row, cell.column, text);
    if (doubt?.refused) { this.become(cell, "refused", `${doubt.title} ${doubt.words ?? ""}`); return false; }
    if (doubt && !(sure && cell.asked === text)) {
      cell.asked = text;
      this.become(cell, "asked", `${doubt.title} ${doubt.words ?? ""} ${this.body.dataset.again}`);
      return false;
    }
    return true;
  }

  /**
   * Keep a cell; whether it may be left is known at once, while the disk writes: who types fast is in the next cell by then.
   * Only Enter says that what is odd is meant; a cell that is left otherwise stays asked.
   */
  commit(cell, sure = false) {
    const text = bare(cell.input.value);
    if (cell.place.className === "saved" || text === cell.kept) return true;
    if (!text && !cell.uuid) { this.become(cell, "", cell.column.last?.(cell.row) ?? ""); return true; }
    if (text && !this.passes(cell, sure)) return false;
    const before = cell.kept;
    cell.kept = text;
    this.save(cell, text, before);
    return true;
  }

  async save(cell, text, before) {
    if (cell.entry?.problem && text) {
      return this.mend(cell.entry, { value: text, confirm: cell.asked === text });
    }
    if (cell.uuid && !(await this.takeBack(cell.uuid))) {
      cell.kept = before;
      cell.input.value = before;
      return this.become(cell, "saved", this.body.dataset.saved);
    }
    cell.uuid = null;
    return text ? this.keep([cell]) : this.become(cell, "", "");
  }

  onKey(event) {
    const cell = this.cellOf(event.target);
    const step = { Enter: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!cell || !step) return;
    event.preventDefault();
    if (event.key === "Enter" && !this.commit(cell, true)) return;
    this.goTo(cell.x, cell.y + step);
  }

  goTo(x, y) {
    // Below the last row the next column begins, so that a column after the other is typed without looking up.
    const over = y >= this.rows.length ? 1 : y < 0 ? -1 : 0;
    const column = this.cells[(y + this.rows.length) % this.rows.length]?.[x + over];
    column?.input.focus();
    column?.input.select();
  }

  async onPaste(event) {
    const lines = (event.clipboardData?.getData("text/plain") ?? "").replace(/\r?\n$/, "").split(/\r?\n/).map((line) => line.split("\t"));
    const cell = this.cellOf(event.target);
    if (!cell || (lines.length === 1 && lines[0].length === 1)) return;
    event.preventDefault();
    const found = lines.map(([code]) => findTank(this.rows, code));
    const byCode = lines[0].length > 1 && found.some(Boolean);
    const filled = [], unknown = [];
    for (const [down, line] of lines.entries()) {
      const y = byCode ? this.rows.indexOf(found[down]) : cell.y + down;
      if (y < 0) { if (byCode) unknown.push(line[0]); continue; }
      for (const [right, text] of (byCode ? line.slice(1) : line).entries()) {
        const target = this.cells[y]?.[(byCode ? 0 : cell.x) + right];
        if (!target || !bare(text) || target.place.className === "saved" || target.uuid) continue;
        target.input.value = bare(text);
        filled.push(target);
      }
    }
    const good = filled.filter((target) => this.passes(target));
    for (const target of good) target.kept = bare(target.input.value);
    if (good.length) await this.keep(good);
    const doubtful = filled.length - good.length;
    this.say([_("%(n)s kept.", { n: good.length }), doubtful ? _("%(n)s need a look.", { n: doubtful }) : "", unknown.length ? _("Not found: %(codes)s.", { codes: unknown.join(", ") }) : ""].filter(Boolean).join(" "));
    (filled.find((target) => !good.includes(target)) ?? cell).input.focus();
  }

  /** Show where each value is, from what waits on this device; what waits from before is put into its cell. */
  draw(waiting, words) {
    for (const entry of waiting) {
      if (this.cells.flat().some((cell) => cell.uuid === entry.client_uuid)) continue;
      const cell = this.cells.flat().find((one) => one.row.fermentation_id === entry.body.fermentation_id && one.column.sample_type === entry.body.sample_type);
      if (!cell || (cell.uuid && !cell.entry?.problem)) continue;
      Object.assign(cell, { uuid: entry.client_uuid, kept: entry.body.value });
      if (document.activeElement !== cell.input) cell.input.value = entry.body.value;
    }
    for (const cell of this.cells.flat().filter((one) => one.uuid)) {
      cell.entry = waiting.find((entry) => entry.client_uuid === cell.uuid) ?? null;
      if (cell.entry?.problem) {
        cell.asked = null;
        this.become(cell, "refused", cell.entry.problem.detail);
      } else if (cell.entry) this.become(cell, "unsent", words.unsent);
      else this.become(cell, "saved", words.saved);
    }
  }
}
