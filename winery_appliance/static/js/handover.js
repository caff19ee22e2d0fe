// Whether this device trusts the winery is tried out, not asked: a browser that was only told to go on anyway shows pages, but
// registers no service worker, and without one the book does not work where there is no signal.
const verdict = document.getElementById("verdict");

async function test() {
  verdict.textContent = verdict.dataset.testing;
  try {
    const trial = await navigator.serviceWorker.register("/static/js/handover-trial.js", { scope: "/static/js/handover-trial/" });
    await trial.unregister();
    verdict.textContent = verdict.dataset.ready;
    verdict.dataset.state = "ready";
  } catch {
    verdict.textContent = verdict.dataset.notYet;
    verdict.dataset.state = "not-yet";
  }
}

// Without TLS there is nothing to try out here: the link leads to this same page by TLS.
if (location.protocol === "https:") {
  document.getElementById("test").addEventListener("click", (event) => { event.preventDefault(); test(); });
  test();
}
