// What this device keeps: readings that the server has not acknowledged, and what a round needs out of its reach.

import { openDB } from "../../vendor/idb.js";

let opened = null;

function open() {
  opened ??= openDB("winery", 1, {
    upgrade(db) {
      db.createObjectStore("outbox", { keyPath: "client_uuid" });
      db.createObjectStore("kept");
    },
    // A newer page wants to change the stores: let it, and open again when asked.
    blocking() { opened?.then((db) => db.close()); opened = null; },
    terminated() { opened = null; },
  }).catch((refused) => { opened = null; throw refused; });
  return opened;
}

// Strict: the promise is kept only when the disk has it. A tablet that dies a second later still knows the number.
async function write(store, act) {
  const db = await open();
  const transaction = db.transaction(store, "readwrite", { durability: "strict" });
  const result = await act(transaction.objectStore(store));
  await transaction.done;
  return result;
}

/** Whether anything can be kept here at all; private windows and full disks refuse. */
export async function canKeep() {
  try {
    await write("kept", (store) => store.put(Date.now(), "tried"));
    return true;
  } catch { return false; }
}

export const recall = async (key) => (await open()).get("kept", key);
export const keep = (key, value) => write("kept", (store) => store.put(value, key));

export const listEntries = async () => (await open()).getAll("outbox");
export const addEntries = (entries) => write("outbox", (store) => Promise.all(entries.map((entry) => store.add(entry))));
export const putEntry = (entry) => write("outbox", (store) => store.put(entry));
export const replaceEntry = (uuid, entry) => write("outbox", (store) => Promise.all([store.delete(uuid), store.put(entry)]));
export const removeEntries = (uuids) => write("outbox", (store) => Promise.all(uuids.map((uuid) => store.delete(uuid))));
