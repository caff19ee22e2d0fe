// How numbers, times and counts are said, in the page's language.

import { _, ngettext } from "../words.js";

const DECIMALS = { SG: 3, "°Oe": 0, "kg/m³": 1 };
const LOCALE = document.documentElement.lang || "en";
const MARK = (1.5).toLocaleString(LOCALE).charAt(1);

/** To how many decimals an instrument of that scale can be read. */
export const decimalsOf = (symbol) => DECIMALS[symbol] ?? 1;

/** A typed or stored number as one reads it here: a comma where the language has one, and a true minus. */
export const showTyped = (text) => text.replace(/[.,]/, MARK).replace("-", "−");

export const showNumber = (value, digits) => showTyped(value.toFixed(digits));

/** How long, from milliseconds: "12 min". */
export function showAge(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 1) return _("just now");
  if (minutes < 120) return _("%(n)s min", { n: minutes });
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? _("%(n)s h", { n: hours }) : _("%(n)s d", { n: Math.floor(hours / 24) });
}

export const showAgo = (ms) => (ms < 60_000 ? _("just now") : _("%(time)s ago", { time: showAge(ms) }));

/** How far a clock is off, from milliseconds: "3 h", "5 years". */
export function showSpan(ms) {
  const days = Math.abs(ms) / 86_400_000;
  if (days >= 365) return ngettext("%(num)s year", "%(num)s years", Math.round(days / 365.25));
  if (days >= 1) return ngettext("%(num)s day", "%(num)s days", Math.round(days));
  return showAge(Math.abs(ms));
}

export const clockTime = (ms) => new Date(ms).toLocaleTimeString(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const dayAndTime = (ms) => new Date(ms).toLocaleString(LOCALE, { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
