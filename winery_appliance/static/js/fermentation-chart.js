// The curve of one ferment: sugar above, temperature below, one time axis. Redrawn when the analysis brings new data
// (the zoom stays), when the light changes and when the page changes its width.

import { figure, font, ink, moments, onLightChange } from "./chart-ink.js";
import {
  alarmBracket, doubtRings, dropLines, dryLine, forecastFan, laneMarks, lastFigure, ownBand, wantedBand,
} from "./chart-marks.js";
import { _ } from "./words.js";

const { uPlot } = globalThis; // a classic script: minified, it is half as long as the module

const DAY = 86400;
// Steps of the scales that a hydrometer and a thermometer have: ones, twos and fives, never halves of fives.
const STEPS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200];
const SHORTEST = DAY / 4; // closer than six hours there is nothing to see
const holder = document.querySelector("[data-curve]");
const keys = document.querySelectorAll("[data-zoom]");
const LANES = { added: _("Added"), caps: _("Caps"), notes: _("Notes"), moves: _("Moves") };

let data = null;
let source = "";
let plots = [];
let drawnWidth = 0;
let view = null; // [from, to] in epoch seconds; null shows the whole

const sugarStep = () => (data.sugar_unit === "SG" ? 0.001 : 0.1);
const columns = (points) => [points.map(([at]) => at), points.map(([, value]) => value)];

function whole() {
  const ends = [data.sugar, data.temperature].filter((points) => points.length);
  const first = Math.min(...ends.map((points) => points[0][0]));
  const read = Math.max(...ends.map((points) => points.at(-1)[0]));
  // The forecast is shown as far as what was read is long: further on, the past would be a corner of the picture.
  const last = Math.min(data.fan.at(-1)?.[0] ?? read, read + Math.max(read - first, 2 * DAY));
  const span = Math.max(Math.max(last, read) - first, DAY);
  return [first - span * 0.03, first + span * 1.12];
}

/* View: the part of time that is shown */

function setView(next) {
  const all = whole();
  const span = Math.max(SHORTEST, next ? next[1] - next[0] : Infinity);
  if (span >= all[1] - all[0]) view = null;
  else {
    const from = Math.max(all[0], Math.min(next[0], all[1] - span));
    view = [from, from + span];
  }
  apply();
}

function apply() {
  const [min, max] = view ?? whole();
  for (const plot of plots) plot.setScale("x", { min, max });
  const all = whole();
  const off = {
    closer: max - min <= SHORTEST, wider: !view, whole: !view,
    earlier: !view || min <= all[0], later: !view || max >= all[1],
  };
  for (const key of keys) {
    key.disabled = off[key.dataset.zoom];
    if (key.classList.contains("aside-key")) key.hidden = !view; // nothing lies beside the whole
  }
}

// A range drawn with the mouse on one plot counts for both. What we set ourselves comes back here too, and is ignored.
function follow({ min, max }) {
  if (!plots.length || min === null) return;
  const [from, to] = view ?? whole();
  if (Math.abs(min - from) > 1 || Math.abs(max - to) > 1) setView([min, max]);
}

const MOVES = {
  // Closer keeps the newest edge in sight as long as it is in sight.
  closer: (from, to, all) => (to >= all[1] - 1 ? [to - (to - from) / 2, to] : [from + (to - from) / 4, to - (to - from) / 4]),
  wider: (from, to, all) => (to >= all[1] - 1 ? [to - (to - from) * 2, to] : [from - (to - from) / 2, to + (to - from) / 2]),
  whole: () => null,
  earlier: (from, to) => [from - (to - from) / 2, to - (to - from) / 2],
  later: (from, to) => [from + (to - from) / 2, to + (to - from) / 2],
};

function move(event) {
  const all = whole();
  const [from, to] = view ?? all;
  setView(MOVES[event.currentTarget.dataset.zoom](from, to, all));
}

/* Drawing */

function timeLabels(when) {
  return (_u, splits, _axis, _space, step) => splits.map((at, i) => {
    if (step < DAY) return when.clock(at) === "00:00" ? when.date(at) : when.clock(at);
    return i === 0 || when.day(at) === "1" ? when.date(at) : when.day(at);
  });
}

function axes(when, labelled) {
  const line = { stroke: () => ink(holder, "--grid"), width: 1 };
  const common = { stroke: () => ink(holder, "--ink2"), font: font(holder, 12), grid: line };
  return [
    labelled
      ? { ...common, size: 34, space: 56, grid: { show: false }, ticks: { ...line, size: 5 }, values: timeLabels(when) }
      : { ...common, size: 4, space: 56, grid: { show: false }, ticks: { show: false }, values: (_u, splits) => splits.map(() => "") },
    { ...common, size: 44, gap: 6, space: 30, incrs: STEPS, ticks: { show: false }, values: (_u, splits, _a, _s, step) => splits.map((v) => figure(v, step)) },
  ];
}

function rangeAround(extra, pad) {
  return (_u, low, high) => {
    const seen = [low, high, ...extra].filter(Number.isFinite);
    if (!seen.length) return [0, 1];
    const [min, max] = [Math.min(...seen), Math.max(...seen)];
    const room = (max - min || 1) * pad;
    return [min - room, max + room];
  };
}

function options({ height, token, size, hollow, labelled, range, drawUnder, drawOver, when }) {
  const colour = () => ink(holder, token);
  return {
    width: holder.clientWidth, height, padding: [6, 10, 0, 0], legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), data.timezone),
    cursor: {
      y: false, drag: { x: true, y: false, dist: 8 }, sync: { key: "ferment", scales: ["x", null] },
      points: { size: 12, width: 2.5, stroke: () => ink(holder, "--ink"), fill: () => ink(holder, "--surface") },
      bind: { dblclick: () => () => { setView(null); return null; } },
    },
    scales: { x: { time: true, auto: false }, y: { range } },
    axes: axes(when, labelled),
    series: [{}, {
      stroke: colour, width: 2.25,
      points: { size, width: hollow ? 2 : 0, stroke: colour, fill: () => (hollow ? ink(holder, "--surface") : colour()), show: (_u, _i, from, to) => to - from < 240 },
    }],
    hooks: {
      drawClear: drawUnder, draw: drawOver, setCursor: [() => readOut(when)],
      setScale: [(u, key) => { if (key === "x") follow(u.scales.x); }],
    },
  };
}

function heading(text) {
  const words = document.createElement("p");
  words.className = "axis-name";
  words.textContent = text;
  words.setAttribute("aria-hidden", "true");
  return words;
}

// A strip with a lane for each kind of work that there was; its scale of time is that of the curve.
function buildLanes(common) {
  const lanes = Object.keys(LANES).filter((lane) => data.marks.some((mark) => mark.lane === lane));
  if (!lanes.length) return;
  const strip = options({
    ...common, height: 22 * lanes.length + 8, token: "--ink", size: 0, hollow: false, labelled: false,
    range: () => [0, 1], drawUnder: [], drawOver: [laneMarks(data.marks, lanes)],
  });
  strip.axes[1] = {
    ...strip.axes[1], grid: { show: false }, splits: () => lanes.map((_, i) => 1 - (i + 0.5) / lanes.length),
    values: () => lanes.map((lane) => LANES[lane]),
  };
  plots.push(new uPlot(strip, [whole(), [null, null]], holder));
}

function build() {
  const when = moments(data.timezone);
  const wide = holder.clientWidth >= 560;
  const dry = data.dry_line ?? null;
  const wanted = data.wanted_temperature ?? null;
  const [low, high] = (wanted ?? []).map((value) => figure(value, 1));
  const fan = data.fan.filter(([at]) => at <= whole()[1]);
  const common = { when };
  const sugar = options({
    ...common, height: wide ? 330 : 240, token: "--wine", size: 8, hollow: true, labelled: !data.temperature.length && !data.marks.length,
    range: rangeAround([...(dry === null ? [] : [dry]), ...fan.flatMap((point) => point.slice(1))], 0.09),
    drawUnder: [
      ...(data.band ? [ownBand(data.band.points, _("your own past: 8 in 10 of %(n)s ferments", { n: data.band.ferments }))] : []), ...(fan.length > 1 ? [forecastFan(fan, _("if nothing changes, 8 in 10"))] : []), dropLines(data.marks),
    ],
    drawOver: [
      ...(dry === null ? [] : [dryLine(dry, _("dry, %(value)s", { value: figure(dry, sugarStep()) }))]), doubtRings(() => data.sugar.map((p) => p[3])),
      ...(data.alarm ? [alarmBracket(data.alarm)] : []), lastFigure(sugarStep()),
    ],
  });
  const temperature = options({
    ...common, height: wide ? 150 : 132, token: "--temp", size: 6, hollow: false, labelled: true,
    range: rangeAround(wanted ?? [], 0.16), drawUnder: wanted ? [wantedBand(wanted, _("wanted, %(low)s to %(high)s %(unit)s", { low, high, unit: data.temperature_unit }))] : [],
    drawOver: [doubtRings(() => data.temperature.map((p) => p[3])), lastFigure(0.1)],
  });
  holder.replaceChildren();
  plots = [];
  if (data.sugar.length) {
    holder.append(heading(data.sugar_unit));
    plots.push(new uPlot(sugar, columns(data.sugar), holder));
  }
  buildLanes(common);
  if (data.temperature.length) {
    holder.append(heading(data.temperature_unit));
    plots.push(new uPlot(temperature, columns(data.temperature), holder));
  }
}

function draw() {
  drawnWidth = holder.clientWidth;
  document.querySelector("[data-zooms]").hidden = !data.sugar.length && !data.temperature.length;
  for (const plot of plots) plot.destroy();
  plots = [];
  if (!data.sugar.length && !data.temperature.length) {
    holder.replaceChildren(heading(_("No reading yet. The first one starts the curve.")));
    return;
  }
  build();
  apply();
  describe();
  readOut(moments(data.timezone));
}

/* Words */

function readOut(when) {
  const box = document.querySelector("[data-read-out]");
  const named = [[data.sugar, data.sugar_unit, sugarStep()], [data.temperature, data.temperature_unit, 0.1]];
  const said = plots.map((plot) => {
    const [points, unit, step] = named.find(([points]) => points.length && points.length === plot.data[0].length && points[0][1] === plot.data[1][0]) ?? [];
    const point = points?.[plot.cursor.idx];
    return point ? `${when.full(point[0])}: ${figure(point[1], step)} ${unit}` : "";
  }).filter(Boolean);
  box.textContent = said.join(" · ") || _("Touch or point at the curve: its values stand here.");
}

function describe() {
  const when = moments(data.timezone);
  const sentences = [];
  if (data.sugar.length) {
    const [first, last] = [data.sugar[0], data.sugar.at(-1)];
    sentences.push(_("Sugar went from %(first)s to %(last)s %(unit)s between %(start)s and %(end)s.", {
      first: figure(first[1], sugarStep()), last: figure(last[1], sugarStep()), unit: data.sugar_unit, start: when.date(first[0]), end: when.full(last[0]),
    }));
  }
  if (data.temperature.length) sentences.push(_("The last temperature is %(value)s %(unit)s.", { value: figure(data.temperature.at(-1)[1], 0.1), unit: data.temperature_unit }));
  if (data.fan.length > 1) {
    const [at, low, , high] = data.fan.at(-1);
    sentences.push(_("Expected on %(at)s: between %(low)s and %(high)s %(unit)s.", { at: when.date(at), low: figure(low, sugarStep()), high: figure(high, sugarStep()), unit: data.sugar_unit }));
  }
  document.getElementById("curve-said").textContent = sentences.join(" ");
}

/* Life */

function refresh() {
  const text = document.getElementById("chart-data")?.textContent ?? "";
  if (!holder || !text || text === source) return;
  source = text;
  data = JSON.parse(text);
  draw();
}

if (holder) {
  for (const key of keys) key.addEventListener("click", move);
  refresh();
  document.addEventListener("htmx:afterSwap", refresh);
  onLightChange(() => { for (const plot of plots) plot.redraw(); });
  new ResizeObserver(() => { if (data && holder.clientWidth !== drawnWidth) draw(); }).observe(holder);
}
