// The wall view keeps itself fresh. What cannot be had leaves the last known page standing, with a word about its age.

const EVERY = 30_000;

async function refresh() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const wall = fresh.querySelector("[data-wall]");
    if (!answer.ok || !wall) throw new Error("no wall in the answer");
    document.querySelector("[data-wall]").replaceWith(document.adoptNode(wall));
    document.title = fresh.title;
  } catch {
    document.querySelector("[data-stale]").hidden = false;
  }
}

setInterval(refresh, EVERY);
addEventListener("online", refresh);
