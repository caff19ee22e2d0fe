// Keeps the pages of the cellar within reach when the server is not. Everything else goes its usual way, and a POST is never touched.

const VERSION = {{ version|tojson }};
const FILES = {{ files|tojson }};
const PAGES = {{ pages|tojson }};
const KEPT = `round-${VERSION}`;
const PATIENCE_MS = 4000;

// The pages and their files are kept together or not at all: an old page never meets new files out of reach of the server.
self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const kept = await caches.open(KEPT);
    await Promise.all([...PAGES.map((path) => keepPage(kept, path)), ...FILES.map((file) => kept.add(new Request(file, { cache: "reload" })))]);
    await self.skipWaiting(); // a page that is open has all its modules already
  })());
});

async function keepPage(kept, path) {
  const page = await fetch(path, { cache: "reload" });
  if (!page.ok || page.redirected) throw new Error(`${path} could not be fetched`);
  await kept.put(path, page);
}

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("round-") && name !== KEPT) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(goTo(request, pathname));
  else if (FILES.includes(pathname)) event.respondWith(fetchOrRecall(request, pathname));
});

async function goTo(request, pathname) {
  if (PAGES.includes(pathname)) return fetchOrRecall(request, pathname);
  // A page that needs the server may take its time; out of reach, the round is what works without it, and says so.
  try { return await fetch(request); } catch { return Response.redirect(PAGES[0]); }
}

async function fetchOrRecall(request, pathname) {
  try {
    const answer = await fetchInTime(request);
    if (answer.status < 500) return answer;
  } catch { /* out of reach */ }
  return (await recall(pathname)) ?? Response.error();
}

const recall = async (name) => (await caches.open(KEPT)).match(name, { ignoreVary: true });

// A navigation keeps its redirects for the browser; a fetch with a signal gives up where Wi-Fi is only half there.
const fetchInTime = (request) => fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
