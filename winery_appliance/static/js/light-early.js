// Sets the light before the first stroke is painted, so that a dark cellar never flashes white. Runs blocking: keep it tiny.
(function () {
  var light = null;
  try { light = localStorage.getItem("light"); } catch (refused) { /* private mode: the device decides */ }
  if (["day", "cellar", "sun"].indexOf(light) < 0) {
    light = matchMedia("(prefers-color-scheme: dark)").matches ? "cellar" : "day";
  }
  document.documentElement.dataset.theme = light;
  document.documentElement.classList.add("js");
})();
