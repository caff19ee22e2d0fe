// The board by keyboard: arrows go from tank to tank, a letter acts on the one in focus. Letters act only while a tank
// has the focus, and can be turned off (WCAG 2.1.4).

const tanks = [...document.querySelectorAll("[data-tank]")];
const bar = document.querySelector("[data-key-bar]");
const dialog = document.querySelector("[data-keys-dialog]");
const act = document.getElementById("board-act");
const on = document.querySelector("[data-keys-on]");
const words = [...(document.querySelector("[data-key-words]")?.content.children ?? [])];
const offered = new Set(words.map((word) => word.dataset.for));

function kept(store, name) {
  try { return store().getItem(name); } catch { return null; } // private mode
}

function keep(store, name, value) {
  try { store().setItem(name, value); } catch { /* private mode: it lasts until the page is left */ }
}

// The tank of the row above or below that lies nearest: a list has one column, a map has many.
function neighbour(from, down) {
  const here = from.closest("li").getBoundingClientRect();
  const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
  const [x, y] = middle(here);
  const beyond = tanks.map((tank) => ({ tank, at: middle(tank.closest("li").getBoundingClientRect()) }))
    .filter(({ at }) => (down ? at[1] > y + 4 : at[1] < y - 4));
  if (!beyond.length) return null;
  const line = Math[down ? "min" : "max"](...beyond.map(({ at }) => at[1]));
  return beyond.filter(({ at }) => Math.abs(at[1] - line) < 8)
    .reduce((best, one) => (Math.abs(one.at[0] - x) < Math.abs(best.at[0] - x) ? one : best)).tank;
}

function beside(from, step) {
  return tanks[tanks.indexOf(from) + step] ?? null;
}

const MOVES = {
  ArrowDown: (tank) => neighbour(tank, true), ArrowUp: (tank) => neighbour(tank, false),
  ArrowRight: (tank) => beside(tank, 1), ArrowLeft: (tank) => beside(tank, -1),
  j: (tank) => beside(tank, 1), k: (tank) => beside(tank, -1),
};

function send(path, plan = "") {
  act.action = path;
  act.elements.plan.value = plan;
  act.requestSubmit();
}

const ACTS = {
  r: (tank) => { location.href = `${tank.href}#entry`; },
  w: (tank) => { location.href = `${tank.href}#work`; },
  c: (tank) => { location.href = `/compare?id=${tank.dataset.tank}`; },
  a: (tank) => { if (tank.dataset.alarm) send(`/anomalies/${tank.dataset.alarm}/acknowledge`); },
  s: (tank) => { const id = tank.dataset.alarm ?? tank.dataset.taken; if (id) send(`/anomalies/${id}/snooze`); },
};

for (const [place, plan] of ["pump_over", "punch_down", "nutrient", "cool", "warm"].entries()) {
  ACTS[place + 1] = (tank) => send(`/fermentations/${tank.dataset.tank}/tasks`, plan);
}

const PAGE = {
  "/": () => document.getElementById("find")?.focus(),
  "?": () => dialog.showModal(),
  m: () => document.querySelector(".views a:not([aria-current])")?.click(),
};

// A box is ticked, not typed into; it also keeps the focus for a moment after its dialog was closed.
function isTyping(target) {
  return target.closest("input:not([type=checkbox]), select, textarea, [contenteditable], dialog[open]");
}

function press(event, at = event.target) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(at)) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const tank = at.closest("[data-tank]");
  const isLetter = /^[a-z1-9/]$/.test(key);
  if (isLetter && !on.checked) return;
  let done = true;
  if (tank && MOVES[key]) MOVES[key](tank)?.focus();
  else if (!tank && (key === "j" || (key === "ArrowDown" && !at.closest("a, button")))) tanks[0].focus();
  else if (tank && ACTS[key] && offered.has(key.toUpperCase())) ACTS[key](tank);
  else if (PAGE[key]) PAGE[key]();
  else done = false;
  if (done) event.preventDefault();
}

function tell(event) {
  const tank = event.target.closest?.("[data-tank]");
  bar.hidden = !tank;
  if (!tank) return;
  keep(() => sessionStorage, "board-tank", tank.dataset.tank);
  tank.closest("li").scrollIntoView({ block: "nearest" });
  const fits = { A: tank.dataset.alarm, S: tank.dataset.alarm ?? tank.dataset.taken };
  bar.querySelector("[data-key-name]").textContent = tank.dataset.name;
  bar.replaceChildren(bar.firstElementChild, ...words.filter(({ dataset }) => !(dataset.for in fits) || fits[dataset.for]).map((word) => word.cloneNode(true)));
}

if (tanks.length) {
  on.checked = kept(() => localStorage, "board-letters") !== "off";
  on.addEventListener("change", () => keep(() => localStorage, "board-letters", on.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => press(event));
  document.addEventListener("focusin", tell);
  document.querySelector("[data-keys-open]").addEventListener("click", () => dialog.showModal());
  // After an act the page comes anew: the tank that was acted on has the focus again.
  const last = kept(() => sessionStorage, "board-tank");
  if (document.querySelector(".flashes") && last) document.querySelector(`[data-tank="${CSS.escape(last)}"]`)?.focus();
  document.removeEventListener("keydown", globalThis.boardKeys.wait);
  for (const event of globalThis.boardKeys) press(event, document.activeElement);
}
