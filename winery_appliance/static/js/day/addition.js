// Additions with what a dose comes to and how much is allowed, by the limits that this device saw last.

import { $, known } from "../round/frame.js";
import { readNumber } from "../round/ask.js";
import { showTyped } from "../round/words.js";
import { words } from "./entries.js";
import { WorkForm } from "./work-form.js";

/** What `value` in a unit comes to in so many litres: { counts, amount, perLitre }, null where nobody can tell. */
export function reckon(value, { counts, factor, is_rate }, litres) {
  const given = value * factor;
  if (is_rate) return { counts, amount: litres ? given * litres : null, perLitre: given };
  return { counts, amount: given, perLitre: litres ? given / litres : null };
}

export function showAmount(amount, counts) {
  const large = amount >= 1000;
  const number = large ? amount / 1000 : amount;
  return `${showTyped(String(Number(number.toPrecision(3))))} ${{ g: large ? "kg" : "g", ml: large ? "L" : "mL" }[counts]}`;
}

export class Addition extends WorkForm {
  constructor() {
    super("addition");
    const option = (value, text) => new Option(text, value);
    this.fields.kind.append(...known.data.products.map(({ kind, name }) => option(kind, name.slice(0, 1).toUpperCase() + name.slice(1))));
    this.fields.unit.append(...known.data.units.map(({ unit, symbol }) => option(unit, symbol)));
    this.form.addEventListener("input", () => this.tell());
    this.fields.tank.addEventListener("change", () => this.fillVolume());
    this.fillVolume();
  }

  fillVolume() { this.fields.volume_l.value = this.tank?.volume_l ?? ""; this.tell(); }
  path() { return `/api/v1/fermentations/${this.tank.fermentation_id}/additions`; }

  /** What is typed comes to this, and so much is usual. */
  look() {
    const value = readNumber(this.fields.dose.value);
    if (value === null || value <= 0) return null;
    const unit = known.data.units.find((one) => one.unit === this.fields.unit.value);
    const product = known.data.products.find((one) => one.kind === this.fields.kind.value);
    const dose = reckon(value, unit, readNumber(this.fields.volume_l.value));
    const limit = product.limits.find((one) => one.counts === dose.counts);
    const before = this.tank?.given.find((one) => one.kind === product.kind && one.counts === dose.counts)?.per_litre ?? 0;
    return { dose, limit, before, total: dose.perLitre === null ? null : before + dose.perLitre, unit };
  }

  tell() {
    const found = this.look();
    const place = this.form.querySelector("[data-dose]");
    place.classList.toggle("none", !found);
    if (!found) return;
    const { dose, limit, before, total } = found;
    // Rates are told in the way of the cellar: g/hL.
    const rate = (perLitre) => `${showTyped(String(Number((perLitre * 100).toPrecision(3))))} ${dose.counts === "g" ? "g" : "mL"}/hL`;
    place.querySelector("[data-amount]").textContent = dose.amount === null ? words.volume : showAmount(dose.amount, dose.counts);
    place.querySelector("[data-limit]").textContent = total === null ? ""
      : `${rate(total)}${before ? ` ${words.before}` : ""}; ${words.usual} ${rate(limit.usual)} (${limit.source}; ${words.asOf})`;
    place.querySelector("meter").value = total === null ? 0 : Math.min(1, total / limit.usual);
    place.classList.toggle("over", total !== null && total > limit.usual);
  }

  doubt() {
    const found = this.look();
    if (!found) return { refused: true, words: words.badDose };
    if (found.dose.perLitre !== null && found.dose.perLitre > found.limit.possible) return { refused: true, words: words.impossible };
    return found.total !== null && found.total > found.limit.usual * (1 + 1e-9) ? { words: $("[data-limit]").textContent } : null;
  }

  read() {
    const { kind, dose, unit, volume_l, product, stock_lot, note } = this.fields;
    const body = { kind: kind.value, dose: dose.value.trim(), unit: unit.value, note: note.value.trim() };
    if (readNumber(volume_l.value)) body.volume_l = String(readNumber(volume_l.value));
    if (product.value.trim()) body.product = product.value.trim();
    if (stock_lot.value.trim()) body.stock_lot = stock_lot.value.trim();
    return body;
  }

  when(moment) { return { done_at: moment, confirm: this.asked }; }
  title() { return `${this.fields.kind.selectedOptions[0].text} ${this.fields.dose.value} ${this.fields.unit.selectedOptions[0].text}`; }
}
