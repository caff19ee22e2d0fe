// What is drawn on the curve beside the line itself: labels on the thing, no legend.

import { figure, font, ink } from "./chart-ink.js";

const { uPlot } = globalThis; // a classic script: minified, it is half as long as the module

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

function trace(ctx, u, points, value, back = false) {
  const walk = back ? [...points].reverse() : points;
  walk.forEach((point, i) => {
    const [x, y] = [u.valToPos(point[0], "x", true), u.valToPos(point[value], "y", true)];
    if (i === 0 && !back) ctx.moveTo(x, y); else ctx.lineTo(x, y);
  });
}

function area(u, points, low, high, fill) {
  const { ctx } = u;
  ctx.fillStyle = fill;
  ctx.beginPath();
  trace(ctx, u, points, low);
  trace(ctx, u, points, high, true);
  ctx.closePath();
  ctx.fill();
}

function stroke(u, points, value, token, dash, width) {
  const { ctx } = u;
  ctx.strokeStyle = ink(u.root, token);
  ctx.lineWidth = width * uPlot.pxRatio;
  ctx.setLineDash(dash.map((part) => part * uPlot.pxRatio));
  ctx.beginPath();
  trace(ctx, u, points, value);
  ctx.stroke();
  ctx.setLineDash([]);
}

// What the winery's own past ferments did at the same age: 10 to 90 % of them, the middle half darker, the median dotted.
export function ownBand(points, words) {
  return (u) => inPlot(u, (ctx, _bbox, px) => {
    ctx.globalAlpha = 0.16;
    area(u, points, 1, 5, ink(u.root, "--ink2"));
    area(u, points, 2, 4, ink(u.root, "--ink2"));
    ctx.globalAlpha = 1;
    stroke(u, points, 3, "--ink2", [2, 3], 1.5);
    const at = points[Math.floor(points.length / 3)];
    label(u, words, u.valToPos(at[0], "x", true) + 10 * px, u.valToPos(at[5], "y", true) - 4 * px);
  });
}

// Where it will probably go: eight in ten inside, the likeliest dashed, from the moment of the forecast on.
export function forecastFan(points, words) {
  return (u) => inPlot(u, (ctx, bbox, px) => {
    ctx.globalAlpha = 0.22;
    area(u, points, 1, 3, ink(u.root, "--wine"));
    ctx.globalAlpha = 1;
    stroke(u, points, 2, "--wine", [6, 4], 2);
    const now = Math.round(u.valToPos(points[0][0], "x", true)) + 0.5;
    ctx.strokeStyle = ink(u.root, "--ink");
    ctx.lineWidth = px;
    ctx.beginPath();
    ctx.moveTo(now, bbox.top);
    ctx.lineTo(now, bbox.top + bbox.height);
    ctx.stroke();
    label(u, words, now + 6 * px, bbox.top + 13 * px, { weight: 600, colour: "--ink" });
  });
}

const SHAPES = {
  added: (ctx, x, y, r) => { ctx.moveTo(x, y - r); ctx.lineTo(x + r, y); ctx.lineTo(x, y + r); ctx.lineTo(x - r, y); ctx.closePath(); ctx.fill(); },
  caps: (ctx, x, y, r) => { ctx.moveTo(x, y - r); ctx.lineTo(x, y + r); ctx.stroke(); },
  notes: (ctx, x, y, r) => { ctx.rect(x - r * 0.8, y - r * 0.8, r * 1.6, r * 1.6); ctx.stroke(); },
  moves: (ctx, x, y, r) => { ctx.moveTo(x - r, y - r); ctx.lineTo(x + r, y); ctx.lineTo(x - r, y + r); ctx.closePath(); ctx.fill(); },
};

// What was done, in lanes under the curve; a label where there is room for it before the next one.
export function laneMarks(marks, lanes) {
  return (u) => inPlot(u, (ctx, bbox, px) => {
    lanes.forEach((lane, row) => {
      const y = bbox.top + (bbox.height * (row + 0.5)) / lanes.length;
      const own = marks.filter((mark) => mark.lane === lane);
      own.forEach((mark, i) => {
        const x = u.valToPos(mark.at, "x", true);
        ctx.fillStyle = ctx.strokeStyle = ink(u.root, "--ink");
        ctx.lineWidth = 2 * px;
        ctx.beginPath();
        SHAPES[lane](ctx, x, y, 5 * px);
        ctx.font = font(u.root, 12 * px);
        const next = own[i + 1] ? u.valToPos(own[i + 1].at, "x", true) : bbox.left + bbox.width;
        if (lane !== "caps" && x >= bbox.left && ctx.measureText(mark.label).width + 22 * px < next - x) {
          label(u, mark.label, x + 10 * px, y + 4 * px);
        }
      });
    });
  });
}

// A dotted line up through the curve where something was added or the wine was moved.
export function dropLines(marks) {
  return (u) => inPlot(u, (ctx, bbox, px) => {
    ctx.strokeStyle = ink(u.root, "--ink2");
    ctx.lineWidth = px;
    ctx.setLineDash([2 * px, 3 * px]);
    for (const mark of marks.filter(({ lane }) => lane === "added" || lane === "moves")) {
      const x = Math.round(u.valToPos(mark.at, "x", true)) + 0.5;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.setLineDash([]);
  });
}

export function wantedBand(range, words) {
  return (u) => inPlot(u, (ctx, bbox, px) => {
    const [low, high] = range.map((value) => u.valToPos(value, "y", true));
    ctx.fillStyle = ink(u.root, "--band");
    ctx.fillRect(bbox.left, high, bbox.width, low - high);
    label(u, words, bbox.left + bbox.width, high + 14 * px, { align: "right", colour: "--ink", halo: false });
  });
}

export function dryLine(value, words) {
  return (u) => inPlot(u, (ctx, bbox, px) => {
    const y = Math.round(u.valToPos(value, "y", true)) + 0.5;
    ctx.strokeStyle = ink(u.root, "--ink");
    ctx.lineWidth = 1.2 * px;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    label(u, words, bbox.left + 6 * px, y - 5 * px, { weight: 600, colour: "--ink" });
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
