// Fruit comes in: weighed, and split to the wines that it goes into.

import { readNumber } from "../round/ask.js";
import { $, known } from "../round/frame.js";
import { fill } from "../round/tray.js";
import { showTyped } from "../round/words.js";
import { _ } from "../words.js";
import { WorkForm } from "./work-form.js";

const OF_LOT = ["vineyard_code", "block_code", "code", "variety", "vintage", "kg_harvested", "brix_at_intake"];
const NUMBERS = ["kg_harvested", "brix_at_intake"];

export class Arrival extends WorkForm {
  constructor() {
    super("arrival");
    this.fields.vineyard_code.append(...known.data.vineyards.map(({ code }) => new Option(code, code)));
    this.fields.vineyard_code.addEventListener("change", () => this.fillBlocks());
    this.fields.block_code.addEventListener("change", () => this.fillVariety());
    this.form.querySelector("[data-add-part]").addEventListener("click", () => this.addPart());
    this.form.addEventListener("input", () => this.tell());
    this.start();
  }

  start() {
    this.fields.vintage.value ||= String(new Date().getFullYear());
    this.fillBlocks();
    if (!this.parts.length) this.addPart();
  }

  get blocks() { return known.data.vineyards.find(({ code }) => code === this.fields.vineyard_code.value)?.blocks ?? []; }
  get lines() { return [...this.form.querySelectorAll("[data-parts] > *")]; }
  get parts() {
    return this.lines.map((line) => ({
      fermentation_id: Number(line.querySelector("select").value), percentage: readNumber(line.querySelector("input").value),
    })).filter(({ fermentation_id }) => fermentation_id);
  }

  fillBlocks() {
    this.fields.block_code.replaceChildren(new Option("–", ""), ...this.blocks.map(({ code }) => new Option(code, code)));
  }

  fillVariety() {
    const variety = this.blocks.find(({ code }) => code === this.fields.block_code.value)?.variety;
    if (variety && !this.fields.variety.value) this.fields.variety.value = variety;
  }

  addPart({ fermentation_id = "", percentage = "" } = {}) {
    const line = fill("row-part", {});
    line.querySelector("select").append(new Option("–", ""), ...known.data.tanks.map((tank) => new Option(`${tank.vessel_code} · ${tank.code}`, tank.fermentation_id)));
    line.querySelector("select").value = fermentation_id;
    line.querySelector("input").value = percentage;
    this.form.querySelector("[data-parts]").append(line);
  }

  /** What the parts come to, in kilograms and together. */
  tell() {
    const kg = readNumber(this.fields.kg_harvested.value);
    const sum = this.parts.reduce((total, { percentage }) => total + (percentage ?? 0), 0);
    const place = this.form.querySelector("[data-sum]");
    place.classList.toggle("none", !this.parts.length);
    place.textContent = [
      ...this.parts.filter(({ percentage }) => kg && percentage).map(({ fermentation_id, percentage }) => {
        const tank = known.data.tanks.find((one) => one.fermentation_id === fermentation_id);
        return `${tank.vessel_code} ${showTyped(String(Math.round(kg * percentage) / 100))} kg`;
      }), `${showTyped(String(Math.round(sum * 1e4) / 1e4))} / 100 %`,
    ].join(", ");
    place.classList.toggle("over", Math.abs(sum - 100) > 1e-9);
  }

  begin(given = {}) {
    super.begin(given);
    this.form.querySelector("[data-parts]").replaceChildren();
    for (const part of given.entry?.body.split ?? []) this.addPart(part);
    this.start();
    if (given.entry) this.fields.block_code.value = given.entry.body.block_code ?? "";
    this.tell();
  }

  doubt() {
    const refuse = (words) => ({ refused: true, words });
    if (["vineyard_code", "code", "variety", "vintage"].some((name) => !this.fields[name].value.trim())) return refuse(_("Vineyard, lot, variety and vintage are needed."));
    if (!(readNumber(this.fields.kg_harvested.value) > 0)) return refuse(_("Type the weight in kilograms."));
    const sum = this.parts.reduce((total, { percentage }) => total + (percentage ?? 0), 0);
    return this.parts.length && Math.abs(sum - 100) > 1e-9 ? refuse(_("The parts must come to 100 together.")) : null;
  }

  read() {
    const body = { split: this.parts.map(({ fermentation_id, percentage }) => ({ fermentation_id, percentage: String(percentage) })) };
    for (const name of OF_LOT) {
      const typed = this.fields[name].value.trim();
      if (typed) body[name] = NUMBERS.includes(name) ? String(readNumber(typed)) : typed;
    }
    return body;
  }

  path() { return "/api/v1/fruit-arrivals"; }
  when(moment) { return moment ? { harvested_on: this.fields.harvested_on.value || localDay() } : {}; }
  title() { return `${this.fields.code.value.trim()}, ${this.fields.kg_harvested.value.trim()} kg`; }
}

const localDay = () => { const now = new Date(); return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0")).join("-"); };
