// One tap changes the light: day, cellar, sun. Kept on this device only.

const LIGHTS = ["day", "cellar", "sun"];
const root = document.documentElement;

function kept() {
  try { return localStorage.getItem("light"); } catch { return null; }
}

function keep(light) {
  try { localStorage.setItem("light", light); } catch { /* private mode: it lasts until the page is left */ }
}

function show(light) {
  root.dataset.theme = light;
  const page = getComputedStyle(root).getPropertyValue("--page").trim();
  for (const meta of document.querySelectorAll('meta[name="theme-color"]')) meta.content = page;
}

show(root.dataset.theme);

for (const button of document.querySelectorAll("[data-light]")) {
  button.addEventListener("click", () => {
    const light = LIGHTS[(LIGHTS.indexOf(root.dataset.theme) + 1) % LIGHTS.length];
    keep(light);
    show(light);
  });
}

// Whoever never chose follows the device, also when it changes at dusk.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (device) => {
  if (!LIGHTS.includes(kept())) show(device.matches ? "cellar" : "day");
});

// The same light in every open tab.
addEventListener("storage", (change) => {
  if (change.key === "light" && LIGHTS.includes(change.newValue)) show(change.newValue);
});
