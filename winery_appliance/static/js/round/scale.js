// The stem of the hydrometer under the fields: the last two readings, what is expected, and what is being typed.

import { showNumber } from "./words.js";

const WIDTH = 358, LEFT = 8, RIGHT = 350, LINE = 34;

function shape(name, attributes, parent) {
  const made = document.createElementNS(parent.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

/** Draw for a tank; `typed` is the number in the field or null. */
export function drawScale(svg, tank, typed) {
  svg.replaceChildren();
  const known = [...tank.sugar.map((reading) => reading.value), ...(tank.expected ? [tank.expected.low, tank.expected.high] : [])];
  svg.toggleAttribute("hidden", known.length === 0);
  if (!known.length) return;
  const room = Math.max(...known) - Math.min(...known) || Math.abs(known[0]) * 0.1 || 1;
  const low = Math.min(...known) - room * 0.35, high = Math.max(...known) + room * 0.35;
  const x = (value) => LEFT + ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (RIGHT - LEFT);
  drawTicks(svg, low, high, x);
  if (tank.expected) drawExpected(svg, tank.expected, x);
  const [before, last] = tank.sugar.length > 1 ? tank.sugar : [null, tank.sugar[0]];
  if (before) shape("circle", { class: "before", cx: x(before.value), cy: LINE, r: 4.5 }, svg);
  if (last) shape("circle", { class: "last", cx: x(last.value), cy: LINE, r: 4.5 }, svg);
  if (typed !== null) shape("path", { class: "typed", d: `M${x(typed)} ${LINE - 2}l-6.5-12h13z` }, svg);
}

function drawTicks(svg, low, high, x) {
  shape("path", { class: "stem", d: `M0 ${LINE}H${WIDTH}` }, svg);
  const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].find((size) => (high - low) / size <= 40) ?? 100;
  for (let tick = Math.ceil(low / step); tick * step <= high; tick += 1) {
    const long = tick % 10 === 0 ? 12 : tick % 5 === 0 ? 9 : 5;
    shape("path", { class: "tick", d: `M${x(tick * step)} ${LINE}v${long}` }, svg);
    if (tick % 10 === 0) {
      const text = shape("text", { x: x(tick * step), y: LINE + 27, "text-anchor": "middle" }, svg);
      text.textContent = showNumber(tick * step, step < 0.1 ? 2 : 0);
    }
  }
}

function drawExpected(svg, expected, x) {
  const from = x(expected.low), to = x(expected.high);
  shape("path", { class: "band", d: `M${from} ${LINE}V12H${to}V${LINE}z` }, svg);
  shape("path", { class: "band-edge", d: `M${from} ${LINE}V12M${to} ${LINE}V12` }, svg);
  shape("path", { class: "expected", d: `M${x(expected.value)} ${LINE}V12` }, svg);
}
