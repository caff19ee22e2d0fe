// Which tank is next, and how far the round is. Plain data in, plain data out.

export const ROUND_LASTS_MS = 6 * 3600_000; // whoever comes back later starts a new round
const READ_BEFORE_MS = 4 * 3600_000; // a colleague's readings of this morning count as read

/** The round to walk: the kept one, or a new one. `marks` says by fermentation what was done on this device. */
export function beginRound(kept, now, { anew = false } = {}) {
  if (kept && !anew && now - kept.began_at >= 0 && now - kept.began_at < ROUND_LASTS_MS) return kept;
  return { began_at: now, since: anew ? now : now - READ_BEFORE_MS, marks: {} };
}

/** When the server says that a tank was passed by, in this device's time. */
const skippedAt = (tank, serverOffset) => (tank.skipped ? Date.parse(tank.skipped.skipped_at) - serverOffset : -Infinity);

/** saved, unsent, refused, skipped, or to-come. */
export function statusOf(tank, round, entries, serverOffset) {
  const about = (entry) => (entry.kind ?? "sample") === "sample" || entry.kind === "skip";
  const mine = entries.filter((entry) => about(entry) && fermentationOf(entry) === tank.fermentation_id);
  if (mine.some((entry) => entry.problem)) return "refused";
  if (mine.some((entry) => entry.kind !== "skip")) return "unsent";
  if (mine.length) return "skipped";
  const mark = round.marks[tank.fermentation_id];
  if (mark) return mark.skipped ? "skipped" : "saved";
  const read = tank.read_at ? Date.parse(tank.read_at) - serverOffset : -Infinity;
  if (read >= round.since) return "saved";
  return skippedAt(tank, serverOffset) >= round.since ? "skipped" : "to-come";
}

/** The wine that an entry is of. */
export const fermentationOf = (entry) => entry.body.fermentation_id ?? entry.fermentation_id;

/** The next tank to come behind `from`, in walking order and around the corner; null when none is left. */
export function nextTank(tanks, statuses, from) {
  const here = tanks.findIndex((tank) => tank.fermentation_id === from);
  for (let step = 1; step <= tanks.length; step += 1) {
    const tank = tanks[(here + step) % tanks.length];
    if (statuses.get(tank.fermentation_id) === "to-come" && tank.fermentation_id !== from) return tank;
  }
  return null;
}

/** The tank of a code, as it is typed or stands on its plate. */
export function findTank(tanks, code) {
  const bare = (text) => text.toLowerCase().replace(/[\s_-]/g, "").replace(/(\D)0+(\d)/g, "$1$2");
  const wanted = bare(code);
  if (!wanted) return null;
  const vessels = (tank) => (tank.vessel_codes ?? [tank.vessel_code]).map(bare);
  const ending = tanks.filter((tank) => vessels(tank).some((vessel) => vessel.endsWith(wanted)));
  return tanks.find((tank) => vessels(tank).includes(wanted))
    ?? tanks.find((tank) => bare(tank.code) === wanted)
    ?? (ending.length === 1 ? ending[0] : null);
}
