// Keys that are pressed while the board still loads wait for its script. Runs blocking: keep it tiny.
(function () {
  var keys = window.boardKeys = [];
  keys.wait = function (event) { keys.push(event); };
  document.addEventListener("keydown", keys.wait);
})();
