// The time of a reading. Phones in cellars are minutes or years off: what counts is the server's clock as last seen.

import { keep, recall } from "./keep.js";

const WORTH_KEEPING_MS = 2000; // an answer's Date counts whole seconds, and travels
export const WORTH_TELLING_MS = 2 * 60 * 1000;
let offset = null;

/** Recall how far this device's clock was off when it last met the server. */
export async function startClock() { offset ??= (await recall("clock_offset_ms")) ?? null; }

/** Milliseconds to add to this device's clock; null before it ever met the server. */
export const clockOffset = () => offset;

/** The server's time as well as this device can tell, as an ISO string. */
export const timeOf = (deviceMs) => new Date(deviceMs + (offset ?? 0)).toISOString();

/** Learn from an answer that was asked for at `asked` and came at `came`, in this device's milliseconds. */
export function meet(response, asked, came) {
  const told = Date.parse(response.headers.get("Date") ?? "");
  if (Number.isNaN(told)) return;
  const measured = Math.round(told + 500 - (asked + came) / 2);
  if (offset !== null && Math.abs(measured - offset) < WORTH_KEEPING_MS) return;
  offset = measured;
  keep("clock_offset_ms", offset).catch(() => { /* it is measured again at the next answer */ });
}
