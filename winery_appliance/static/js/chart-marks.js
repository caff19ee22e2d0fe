// What is drawn on the curve beside the line itself: labels on the thing, no legend.

import uPlot from "../vendor/uPlot.esm.js";
import { figure, font, ink } from "./chart-ink.js";

function inPlot(u, draw) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw(ctx, bbox, uPlot.pxRatio);
  ctx.restore();
}

// Text with a halo of the ground, kept inside the plot from side to side.
function label(u, text, x, y, { align = "left", weight = 400, colour = "--ink2", halo = true } = {}) {
  const { ctx, bbox, root } = u;
  const px = uPlot.pxRatio;
  ctx.font = font(root, 12 * px, weight);
  ctx.textBaseline = "alphabetic";
  ctx.textAlign = "left";
  const width = ctx.measureText(text).width;
  const start = x - (align === "right" ? width : align === "center" ? width / 2 : 0);
  const at = Math.max(bbox.left + 2 * px, Math.min(start, bbox.left + bbox.width - width - 2 * px));
  ctx.lineJoin = "round";
  ctx.lineWidth = 4 * px;
  ctx.strokeStyle = ink(root, "--surface");
  if (halo) ctx.strokeText(text, at, y);
  ctx.fillStyle = ink(root, colour);
  ctx.fillText(text, at, y);
}

export function wantedBand(range) {
  return (u) => inPlot(u, (ctx, bbox, px) => {
    const [low, high] = range.map((value) => u.valToPos(value, "y", true));
    ctx.fillStyle = ink(u.root, "--band");
    ctx.fillRect(bbox.left, high, bbox.width, low - high);
    const text = `wanted, ${figure(range[0], 1)} to ${figure(range[1], 1)} °C`;
    label(u, text, bbox.left + bbox.width, high + 14 * px, { align: "right", colour: "--ink", halo: false });
  });
}

export function dryLine(value, step) {
  return (u) => inPlot(u, (ctx, bbox, px) => {
    const y = Math.round(u.valToPos(value, "y", true)) + 0.5;
    ctx.strokeStyle = ink(u.root, "--ink");
    ctx.lineWidth = 1.2 * px;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    label(u, `dry, ${figure(value, step)}`, bbox.left + 6 * px, y - 5 * px, { weight: 600, colour: "--ink" });
  });
}

function highestWithin(u, from, to) {
  const [xs, ys] = u.data;
  const inside = ys.filter((_, i) => xs[i] >= from && xs[i] <= to);
  return inside.length ? Math.max(...inside) : ys.at(-1);
}

export function alarmBracket(alarm) {
  return (u) => inPlot(u, (ctx, bbox, px) => {
    const [left, right] = [alarm.from, alarm.to].map((x) => u.valToPos(x, "x", true));
    if (right < bbox.left || left > bbox.left + bbox.width) return;
    const top = u.valToPos(highestWithin(u, alarm.from, alarm.to), "y", true);
    const y = Math.max(bbox.top + 20 * px, top - 20 * px);
    ctx.strokeStyle = ink(u.root, "--act");
    ctx.lineWidth = 2.5 * px;
    ctx.beginPath();
    ctx.moveTo(left, y + 8 * px);
    ctx.lineTo(left, y);
    ctx.lineTo(right, y);
    ctx.lineTo(right, y + 8 * px);
    ctx.stroke();
    label(u, alarm.label, right, y - 6 * px, { align: "right", weight: 600, colour: "--ink" });
  });
}

// A reading that was doubted carries a ring, so that nobody takes it for granted.
export function doubtRings(flags) {
  return (u) => inPlot(u, (ctx, _, px) => {
    ctx.strokeStyle = ink(u.root, "--ink");
    ctx.lineWidth = 1.5 * px;
    ctx.setLineDash([3 * px, 2.5 * px]);
    flags().forEach((flagged, i) => {
      if (!flagged) return;
      ctx.beginPath();
      ctx.arc(u.valToPos(u.data[0][i], "x", true), u.valToPos(u.data[1][i], "y", true), 8 * px, 0, 2 * Math.PI);
      ctx.stroke();
    });
  });
}

export function lastFigure(step) {
  return (u) => inPlot(u, (_ctx, bbox, px) => {
    const [xs, ys] = u.data;
    const x = u.valToPos(xs.at(-1), "x", true) + 9 * px;
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    label(u, figure(ys.at(-1), step), x, u.valToPos(ys.at(-1), "y", true) + 4 * px, { weight: 600, colour: "--ink" });
  });
}
