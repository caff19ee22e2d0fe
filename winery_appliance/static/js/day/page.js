// The day's work on one page, a tab each: written on this device first, like readings.

import { $, begin, goOnSending, keepPage, known, show } from "../round/frame.js";
import { findTank } from "../round/tanks.js";
import { Addition } from "./addition.js";
import { Arrival } from "./arrival.js";
import { CapWork } from "./cap-work.js";
import { Move } from "./move.js";
import { Note } from "./note.js";
import { Tasks } from "./tasks.js";

const TABS = ["cap", "addition", "note", "tasks", "move", "arrival"];
const MENDED = { addition: "addition", note: "note", move: "move", arrival: "arrival" };
let parts = {};

function draw() { parts.cap?.draw(); parts.tasks?.draw(); }

function openTab(tab, given) {
  for (const link of document.querySelectorAll("[data-tab]")) {
    if (link.dataset.tab === tab) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
  show(tab);
  if (given && tab !== "tasks") parts[tab].begin(tab === "cap" ? given.task : given);
}

/** #addition, #addition/T-3, or #mend=UUID of a refused entry. */
function followAddress() {
  const said = decodeURIComponent(location.hash.slice(1));
  const entry = said.startsWith("mend=") && known.entries.find((one) => one.client_uuid === said.slice(5));
  if (entry && MENDED[entry.kind]) return openTab(MENDED[entry.kind], { entry });
  const [tab, code] = said.split("/");
  const tank = code && findTank(known.data.tanks, code);
  return openTab(TABS.includes(tab) ? tab : "cap", tank && tab !== "cap" ? { tank } : null);
}

async function start() {
  if (!(await begin({ path: "/api/v1/day", key: "day-data", home: "cap", draw }))) return;
  const openForm = (tab, task) => openTab(tab, { task });
  parts = { cap: new CapWork(), addition: new Addition(), note: new Note(), move: new Move(), arrival: new Arrival(), tasks: new Tasks({ openForm }) };
  $('[data-tab="arrival"]').hidden = !known.data.takes_in_fruit;
  await parts.cap.open();
  draw();
  followAddress();
  addEventListener("hashchange", followAddress);
  setInterval(() => parts.cap.draw(), 30_000);
  goOnSending({
    mayMend: (entry) => entry.kind in MENDED || (entry.kind ?? "sample") === "sample",
    onMend: (entry) => (entry.kind in MENDED ? openTab(MENDED[entry.kind], { entry }) : location.assign("/round")),
    back: followAddress,
  });
}

keepPage();
start();
