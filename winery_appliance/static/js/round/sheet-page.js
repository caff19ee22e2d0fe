// The two sheets of a desk: the round as a grid, and the lab panel.

import { doubtAnalyte, doubtSugar, doubtTemperature } from "./ask.js";
import { clockOffset, timeOf } from "./clock.js";
import { $, begin, goOnSending, keepPage, known, refresh, say, show } from "./frame.js";
import { Grid } from "./grid.js";
import * as outbox from "./outbox.js";
import { dayAndTime, decimalsOf, showNumber, showTyped } from "./words.js";

const table = $("[data-sheet]");
const isLab = table.dataset.sheet === "lab";
let grid = null;

const serverOffset = () => clockOffset() ?? 0;
const shown = (at) => dayAndTime(Date.parse(at) - serverOffset());

function roundColumns({ sugar_unit, sugar_symbol }) {
  return [
    { sample_type: "sugar", name: table.dataset.sugar, unit: sugar_unit, symbol: sugar_symbol, last: (row) => lastOf(row.sugar, decimalsOf(sugar_symbol)) + expectedOf(row, sugar_symbol) },
    { sample_type: "temperature", name: table.dataset.temperature, unit: "celsius", symbol: "°C", last: (row) => lastOf(row.temperature, 1) },
  ];
}
const lastOf = (readings, digits) => (readings.length ? `${showNumber(readings.at(-1).value, digits)}, ${shown(readings.at(-1).measured_at)}` : "");
const expectedOf = ({ expected }, symbol) => (expected ? `; → ${showNumber(expected.low, decimalsOf(symbol))} – ${showNumber(expected.high, decimalsOf(symbol))}` : "");
const labColumns = ({ analytes }) => analytes.map((analyte) => ({
  ...analyte,
  last(row) {
    const found = row.last.find((one) => one.sample_type === analyte.sample_type);
    const unit = found && ![analyte.symbol, "pH"].includes(found.symbol) ? ` ${found.symbol}` : "";
    return found ? `${showTyped(String(found.value))}${unit}, ${shown(found.measured_at)}` : "";
  },
}));

function judge(row, column, text) {
  if (isLab) return doubtAnalyte(text, column);
  return { sugar: doubtSugar, temperature: doubtTemperature }[column.sample_type](text, row, known.data)
    ?? (/^-?\d*[.,]?\d*$/.test(text) ? null : { refused: true, title: table.dataset.noNumber });
}

/** When it was measured: what is typed above the sheet, or now. */
function measuredAt(now) {
  const typed = $("[data-when]")?.value;
  return typed ? new Date(typed).toISOString() : timeOf(now);
}

async function keepCells(cells) {
  const now = Date.now();
  const made = cells.map(({ row, column, input, asked, kept }) => {
    const uuid = outbox.makeUuid();
    const body = {
      fermentation_id: row.fermentation_id, client_uuid: uuid, sample_type: column.sample_type, value: kept || input.value.trim(), unit: column.unit,
      measured_at: measuredAt(now), device_time: new Date(now).toISOString(), confirm: asked === kept,
    };
    if (clockOffset() !== null) body.clock_offset_ms = clockOffset();
    return {
      kind: "sample", client_uuid: uuid, user_id: known.person.user_id, person: known.person.display_name, vessel_code: row.vessel_code,
      title: `${column.name} ${body.value} ${column.symbol}`.trim(), symbol: column.symbol, typed_at: now, body,
    };
  });
  for (const [place, cell] of cells.entries()) cell.uuid = made[place].client_uuid;
  try { await outbox.add(made); } catch {
    for (const cell of cells) Object.assign(cell, { uuid: null, kept: "" });
    say(table.dataset.notKept);
  }
}

const draw = () => grid?.draw(known.entries.filter((entry) => (entry.kind ?? "sample") === "sample"), { unsent: table.dataset.isUnsent, saved: table.dataset.isSaved });

function drawTable(rows, columns) {
  table.tHead.rows[0].append(...columns.map(({ name, symbol }) => {
    const head = document.createElement("th"), unit = document.createElement("small");
    head.scope = "col";
    unit.textContent = symbol;
    head.append(name, " ", unit);
    return head;
  }));
  grid = new Grid(table, {
    rows, columns, judge, keep: keepCells, takeBack: async (uuid) => (await outbox.takeBack([uuid])) === 1, say,
    mend: async (entry, change) => { await outbox.mend(entry, change, `${entry.title.split(" ")[0]} ${change.value} ${entry.symbol}`); await refresh(); draw(); },
  });
  table.tBodies[0].replaceChildren(...rows.map((row, y) => {
    const line = document.createElement("tr"), head = document.createElement("th"), wine = document.createElement("small");
    head.scope = "row";
    wine.textContent = [row.vessel_codes?.slice(1).join(", "), row.origin || row.code].filter(Boolean).join(" · ");
    head.append(row.vessel_code, " ", wine);
    line.append(head, ...grid.cells[y].map((cell) => cell.place));
    return line;
  }));
}

async function start() {
  const [path, key] = isLab ? ["/api/v1/lab-panel", "panel-data"] : ["/api/v1/round", "round-data"];
  if (!(await begin({ path, key, home: "sheet", draw }))) return;
  const { data } = known;
  const rows = isLab ? data.wines : data.tanks;
  drawTable(rows, isLab ? labColumns(data) : roundColumns(data));
  $("[data-empty]").hidden = rows.length > 0;
  draw();
  show("sheet");
  grid.cells[0]?.[0].input.focus();
  const onMend = (entry) => {
    show("sheet");
    const cell = grid.cells.flat().find((one) => one.uuid === entry.client_uuid);
    if (cell) cell.input.focus(); else location.assign(entry.kind === "sample" ? "/round" : `/day#mend=${entry.client_uuid}`);
  };
  goOnSending({ mayMend: (entry) => entry.kind !== "skip", onMend, back: () => show("sheet") });
}

keepPage();
start();
