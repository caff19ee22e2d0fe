// Several wines on one chart: days since the start of each, a dash of its own for each, its name at its end.

import { figure, font, ink, onLightChange } from "./chart-ink.js";

const { uPlot } = globalThis; // a classic script: minified, it is half as long as the module

const TOKENS = { red: "--red", white: "--white", rose: "--rose", orange: "--orange" };
const DASHES = [[], [10, 5], [3, 4], [14, 4, 3, 4], [6, 3], [2, 6], [18, 5], [8, 3, 2, 3]];
const holder = document.querySelector("[data-compare]");
const data = JSON.parse(document.getElementById("compare-data")?.textContent ?? "null");

const stroke = (wine) => () => ink(holder, TOKENS[wine.style] ?? "--ink");

// Names at the ends of the curves, moved apart where they would lie on one another.
function nameEnds(u) {
  const { ctx, bbox } = u;
  const px = uPlot.pxRatio;
  ctx.save();
  ctx.font = font(holder, 12 * px, 600);
  ctx.textAlign = "left";
  ctx.fillStyle = ink(holder, "--ink");
  const ends = data.wines.filter((wine) => wine.points.length)
    .map((wine) => ({ name: wine.name, x: u.valToPos(wine.points.at(-1)[0], "x", true), y: u.valToPos(wine.points.at(-1)[1], "y", true) }))
    .sort((a, b) => a.y - b.y);
  ends.forEach((end, i) => {
    if (i > 0) end.y = Math.max(end.y, ends[i - 1].y + 14 * px);
    const width = ctx.measureText(end.name).width;
    ctx.fillText(end.name, Math.min(end.x + 6 * px, bbox.left + bbox.width + 60 * px - width), end.y + 4 * px);
  });
  ctx.restore();
}

function draw() {
  const table = uPlot.join(data.wines.map(({ points }) => [points.map(([x]) => x), points.map(([, y]) => y)]));
  const grid = { stroke: () => ink(holder, "--grid"), width: 1 };
  const axis = { stroke: () => ink(holder, "--ink2"), font: font(holder, 12), grid };
  holder.replaceChildren();
  return new uPlot({
    width: holder.clientWidth, height: holder.clientWidth >= 560 ? 420 : 300, legend: { show: false }, padding: [10, 64, 0, 0],
    cursor: { show: false }, scales: { x: { time: false } },
    axes: [{ ...axis, incrs: [1, 2, 5, 7, 14, 28], values: (_u, days) => days.map((day) => figure(day, 1)) }, { ...axis, size: 48, values: (_u, values, _a, _s, step) => values.map((value) => figure(value, step)) }],
    series: [{}, ...data.wines.map((wine, i) => ({ stroke: stroke(wine), width: 2.25, dash: DASHES[i], spanGaps: true, points: { show: false } }))],
    hooks: { draw: [nameEnds] },
  }, table, holder);
}

if (holder && data.wines.some(({ points }) => points.length)) {
  let plot = draw();
  let width = holder.clientWidth;
  onLightChange(() => plot.redraw());
  new ResizeObserver(() => {
    if (holder.clientWidth === width) return;
    width = holder.clientWidth;
    plot.destroy();
    plot = draw();
  }).observe(holder);
}
