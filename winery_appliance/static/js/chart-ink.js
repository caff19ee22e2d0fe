// What the curve is drawn with: colours of the present light, numbers and moments as the pages write them.

export const ink = (element, token) => getComputedStyle(element).getPropertyValue(token).trim();

export const font = (element, px, weight = 400) => `${weight} ${px}px ${getComputedStyle(element).fontFamily}`;

const lang = document.documentElement.lang || "en";
const decimalMark = new Intl.NumberFormat(lang).formatToParts(1.5).find(({ type }) => type === "decimal").value;

// True minus, the language's decimal mark, never a grouping mark; as many decimals as the step between two labels needs.
export function figure(value, step = 0.1) {
  const decimals = Math.max(0, Math.min(4, Math.ceil(-Math.log10(step) - 1e-9)));
  return value.toFixed(decimals).replace(/^-(?=0\.?0*$)/, "").replace("-", "−").replace(".", decimalMark);
}

export function moments(timeZone) {
  const format = (options) => {
    const formatter = new Intl.DateTimeFormat(lang, { timeZone, ...options });
    return (seconds) => formatter.format(new Date(seconds * 1000));
  };
  const day = format({ day: "numeric" });
  const weekday = format({ weekday: "short" });
  const month = format({ month: "short" });
  const clock = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const date = (at) => `${day(at)} ${month(at)}`;
  return { day, date, clock, full: (at) => `${weekday(at)} ${date(at)}, ${clock(at)}` };
}

// Calls back when the light changes: by the switch, by another tab, or by the device.
export function onLightChange(callback) {
  new MutationObserver(callback).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
