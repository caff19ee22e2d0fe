// What is worth a question before it is kept. Asked once; the server has the last word.

import { _ } from "../words.js";
import { decimalsOf, showNumber, showTyped } from "./words.js";

const within = (value, range) => value >= range.low && value <= range.high;
const WARMING_C = 6; // between two readings of a tank: more is worth a look

/** The number that stands in a field; null where there is none. */
export function readNumber(text) {
  const value = Number(text.replace(",", ".").replace("−", "-"));
  return text.trim() === "" || Number.isNaN(value) ? null : value;
}

/** A refusal or a question about a typed sugar: { refused, title, words }, or null. */
export function doubtSugar(text, tank, data) {
  const value = readNumber(text);
  if (value === null) return null;
  const { sugar_symbol: symbol, sugar_limits: limits } = data;
  if (!within(value, limits.hard)) return impossible(`${showTyped(text)} ${symbol}`, span(limits.hard, decimalsOf(symbol)));
  const band = tank.expected && widen(tank.expected);
  if (band ? within(value, band) : within(value, limits.soft)) return null;
  if (!band) return unusual(`${showTyped(text)} ${symbol}`, span(limits.soft, decimalsOf(symbol)));
  const last = tank.sugar.at(-1);
  const slip = findSlip(text, band);
  const words = [];
  if (last && value > last.value && value > band.high) words.push(_("Sugar does not rise by itself."));
  if (last && value < band.low) words.push(_("It read %(value)s last.", { value: showNumber(last.value, decimalsOf(symbol)) }));
  if (slip) words.push(slip);
  return { title: _("%(value)s? We expected %(span)s.", { value: showTyped(text), span: span(tank.expected, decimalsOf(symbol)) }), words: words.join(" ") };
}

/** The same about a temperature in °C. */
export function doubtTemperature(text, tank, data) {
  const value = readNumber(text);
  if (value === null) return null;
  const limits = data.temperature_limits;
  if (!within(value, limits.hard)) return impossible(`${showTyped(text)} °C`, span(limits.hard, 0));
  const last = tank.temperature.at(-1);
  if (last && Math.abs(value - last.value) > WARMING_C) {
    const title = _("%(value)s? It was %(last)s last.", { value: `${showTyped(text)} °C`, last: `${showNumber(last.value, 1)} °C` });
    return { title, words: findSlip(text, { low: last.value - WARMING_C, high: last.value + WARMING_C }) ?? "" };
  }
  if (within(value, limits.soft)) return null;
  return unusual(`${showTyped(text)} °C`, span(limits.soft, 0));
}

/** The same about a result of the laboratory, which may begin with < or >. */
export function doubtAnalyte(text, { symbol, limits }) {
  const value = readNumber(text.replace(/^[<>]/, ""));
  const words = ({ low, high }) => `${_("%(low)s to %(high)s", { low: showTyped(String(low)), high: showTyped(String(high)) })}${symbol && ` ${symbol}`}`;
  if (value === null) return { refused: true, title: _("%(value)s is no number.", { value: text }), words: _("Nothing was saved.") };
  if (!within(value, limits.hard)) return impossible(showTyped(text), words(limits.hard));
  return within(value, limits.soft) ? null : unusual(showTyped(text), words(limits.soft));
}

const span = ({ low, high }, digits) => _("%(low)s to %(high)s", { low: showNumber(low, digits), high: showNumber(high, digits) });
const unusual = (value, usual) => ({ title: _("%(value)s? That is unusual.", { value }), words: _("Usual is %(span)s.", { span: usual }) });
const impossible = (value, possible) =>
  ({ refused: true, title: _("%(value)s is impossible.", { value }), words: _("Possible is %(span)s. Nothing was saved.", { span: possible }) });

// Twice the band that is shown: who is asked too often stops reading.
function widen({ low, high }) {
  const half = (high - low) / 2;
  return { low: low - half, high: high + half };
}

/** What the finger may have meant: a digit too much, the point in the wrong place, or the sign. */
function findSlip(text, band) {
  const fits = (candidate) => { const value = readNumber(candidate); return value !== null && within(value, band); };
  const bare = text.replace(",", ".");
  for (let place = 0; place < bare.length; place += 1) {
    const without = bare.slice(0, place) + bare.slice(place + 1);
    if (/\d/.test(bare[place]) && fits(without)) return _("If a %(digit)s slipped in, %(value)s would fit.", { digit: bare[place], value: showTyped(without) });
  }
  const digits = bare.replace(".", "");
  for (let place = 1; place < digits.length; place += 1) {
    const moved = `${digits.slice(0, place)}.${digits.slice(place)}`;
    if (moved !== bare && fits(moved)) return _("With the point elsewhere, %(value)s would fit.", { value: showTyped(moved) });
  }
  return fits(`-${bare}`) ? _("With a minus, %(value)s would fit.", { value: showTyped(`-${bare}`) }) : null;
}
