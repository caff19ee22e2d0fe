// Wine goes from vessel to vessel: pressed, transferred, racked.

import { readNumber } from "../round/ask.js";
import { $, known } from "../round/frame.js";
import { fill } from "../round/tray.js";
import { words } from "./entries.js";
import { WorkForm } from "./work-form.js";

export class Move extends WorkForm {
  constructor() {
    super("move");
    $("#vessel-codes").append(...known.data.vessels.map((code) => new Option(code, code)));
    this.form.querySelector("[data-add-line]").addEventListener("click", () => this.addLine());
    this.fields.tank.addEventListener("change", () => this.fillFrom());
    this.fillFrom();
    this.addLine();
  }

  addLine({ vessel_code = "", volume_l = "" } = {}) {
    const line = fill("row-line", {});
    line.querySelector('[name="to"]').value = vessel_code;
    line.querySelector('[name="litres"]').value = volume_l;
    this.form.querySelector("[data-lines]").append(line);
  }

  fillFrom() {
    const codes = this.tank?.vessel_codes ?? [];
    this.fields.from_vessel_code.replaceChildren(...(codes.length > 1 ? [new Option(words.all, "")] : []), ...codes.map((code) => new Option(code, code)));
  }

  begin(given = {}) {
    super.begin(given);
    const to = given.entry && (given.entry.body.transfer ?? given.entry.body).to;
    this.form.querySelector("[data-lines]").replaceChildren();
    for (const line of to ?? [{}]) this.addLine(line);
  }

  get to() {
    return [...this.form.querySelectorAll("[data-lines] > *")].map((line) => ({
      vessel_code: line.querySelector('[name="to"]').value.trim(), litres: readNumber(line.querySelector('[name="litres"]').value),
    })).filter(({ vessel_code }) => vessel_code);
  }

  doubt() { return this.to.length ? null : { refused: true, words: words.to }; }
  path() { return `/api/v1/fermentations/${this.tank.fermentation_id}/move`; }
  when(moment) { return { moved_at: moment }; }
  title() { return `→ ${this.to.map(({ vessel_code, litres }) => (litres ? `${vessel_code} ${litres} L` : vessel_code)).join(", ")}`; }

  read() {
    const body = { to: this.to.map(({ vessel_code, litres }) => (litres ? { vessel_code, volume_l: String(litres) } : { vessel_code })), leaves_rest: this.fields.leaves_rest.checked };
    if (this.fields.from_vessel_code.value) body.from_vessel_code = this.fields.from_vessel_code.value;
    if (this.fields.note.value.trim()) body.note = this.fields.note.value.trim();
    return body;
  }
}
