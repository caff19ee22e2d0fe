// The number pad: thumbs, gloves, and the keys of a desk.

const MOST_DIGITS = 5;

/** What a field holds after a key: digits, one point, a sign. */
export function press(text, key) {
  if (key === "delete") return text.slice(0, -1);
  if (key === "sign") return text.startsWith("-") ? text.slice(1) : `-${text}`;
  if (key === "point") return text.includes(".") ? text : `${/\d$/.test(text) ? text : `${text}0`}.`;
  if (text.replace(/\D/g, "").length >= MOST_DIGITS) return text;
  return text === "0" || text === "-0" ? text.slice(0, -1) + key : text + key;
}

const KEYS = { Backspace: "delete", Delete: "delete", ".": "point", ",": "point", "-": "sign", "−": "sign", Enter: "next" };

/** Call `act` with each key, from the pad or the keyboard; `isOpen` says whether the pad is before the eyes. */
export function listen(pad, isOpen, act) {
  pad.addEventListener("click", (event) => {
    const key = event.target.closest("[data-key]")?.dataset.key;
    if (key) act(key);
  });
  document.addEventListener("keydown", (event) => {
    if (!isOpen() || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, dialog")) return;
    // Enter on a focused key presses that key.
    if (event.key === "Enter" && event.target.closest?.("button, a")) return;
    const key = /^\d$/.test(event.key) ? event.key : event.key.toLowerCase() === "s" ? "skip" : KEYS[event.key];
    if (!key) return;
    event.preventDefault();
    act(key);
  });
}
