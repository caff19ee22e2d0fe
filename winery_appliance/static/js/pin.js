// The number pad beside a PIN: a digit is added, the empty key takes the last one away.

for (const pad of document.querySelectorAll("[data-types-into]")) {
  const input = document.getElementById(pad.dataset.typesInto);
  pad.addEventListener("click", (event) => {
    const key = event.target.closest("button");
    if (!key) return;
    input.value = key.value ? (input.value + key.value).slice(0, input.maxLength) : input.value.slice(0, -1);
  });
}
