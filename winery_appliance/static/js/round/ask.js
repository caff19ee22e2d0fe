// What is worth a question before it is kept. Asked once; the server has the last word.

import { decimalsOf, showNumber } from "./words.js";

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
  if (!within(value, limits.hard)) return impossible(text, symbol, limits.hard, decimalsOf(symbol));
  const band = tank.expected && widen(tank.expected);
  if (band ? within(value, band) : within(value, limits.soft)) return null;
  if (!band) return { title: `${text} ${symbol}? That is unusual.`, words: `Usual is ${span(limits.soft, decimalsOf(symbol))}.` };
  const last = tank.sugar.at(-1);
  const slip = findSlip(text, band);
  const words = [];
  if (last && value > last.value && value > band.high) words.push("Sugar does not rise by itself.");
  if (last && value < band.low) words.push(`It read ${showNumber(last.value, decimalsOf(symbol))} last.`);
  if (slip) words.push(slip);
  return { title: `${text}? We expected ${span(tank.expected, decimalsOf(symbol))}.`, words: words.join(" ") };
}

/** The same about a temperature in °C. */
export function doubtTemperature(text, tank, data) {
  const value = readNumber(text);
  if (value === null) return null;
  const limits = data.temperature_limits;
  if (!within(value, limits.hard)) return impossible(text, "°C", limits.hard, 0);
  const last = tank.temperature.at(-1);
  if (last && Math.abs(value - last.value) > WARMING_C) {
    return { title: `${text} °C? It was ${showNumber(last.value, 1)} °C last.`, words: findSlip(text, { low: last.value - WARMING_C, high: last.value + WARMING_C }) ?? "" };
  }
  if (within(value, limits.soft)) return null;
  return { title: `${text} °C? That is unusual.`, words: `Usual is ${span(limits.soft, 0)}.` };
}

const span = (range, digits) => `${showNumber(range.low, digits)} to ${showNumber(range.high, digits)}`;
const impossible = (text, symbol, hard, digits) =>
  ({ refused: true, title: `${text} ${symbol} is impossible.`, words: `Possible is ${span(hard, digits)}. Nothing was saved.` });

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
    if (/\d/.test(bare[place]) && fits(without)) return `If a ${bare[place]} slipped in, ${without} would fit.`;
  }
  const digits = bare.replace(".", "");
  for (let place = 1; place < digits.length; place += 1) {
    const moved = `${digits.slice(0, place)}.${digits.slice(place)}`;
    if (moved !== bare && fits(moved)) return `With the point elsewhere, ${moved} would fit.`;
  }
  return fits(`-${bare}`) ? `With a minus, −${bare} would fit.` : null;
}
