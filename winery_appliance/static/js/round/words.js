// How numbers, times and counts are said.

const DECIMALS = { SG: 3, "°Oe": 0, "kg/m³": 1 };

/** To how many decimals an instrument of that scale can be read. */
export const decimalsOf = (symbol) => DECIMALS[symbol] ?? 1;

export const showNumber = (value, digits) => value.toFixed(digits).replace("-", "−");

export const count = (number, one, many) => (number === 1 ? `1 ${one}` : `${number} ${many}`);

/** How long ago, from milliseconds: "12 min". */
export function showAge(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 1) return "just now";
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

export const showAgo = (ms) => (ms < 60_000 ? "just now" : `${showAge(ms)} ago`);

/** How far a clock is off, from milliseconds: "3 h", "5 years". */
export function showSpan(ms) {
  const days = Math.abs(ms) / 86_400_000;
  if (days >= 365) return count(Math.round(days / 365.25), "year", "years");
  if (days >= 1) return count(Math.round(days), "day", "days");
  return showAge(Math.abs(ms));
}

export const clockTime = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const dayAndTime = (ms) => new Date(ms).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
