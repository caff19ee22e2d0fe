// Comforts of the entry. The form works without any of them.

function changeSign(text) {
  const bare = text.trim();
  return /^[-−–]/.test(bare) ? bare.slice(1).trimStart() : `-${bare}`;
}

// Telephones show a decimal keypad without a minus, and sugar falls below zero near dryness.
for (const button of document.querySelectorAll("[data-sign-of]")) {
  const input = document.getElementById(button.dataset.signOf);
  button.addEventListener("click", () => {
    input.value = changeSign(input.value);
    input.focus();
    input.setSelectionRange(input.value.length, input.value.length);
  });
}

// Sugar, Enter, temperature, Enter: no other tap. An Enter in the second field saves, also when it stays empty.
const [sugar, temperature] = ["sugar", "temperature"].map((id) => document.getElementById(id));
sugar?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || temperature.value.trim()) return;
  event.preventDefault();
  temperature.focus();
});

for (const link of document.querySelectorAll("[data-retype]")) {
  link.addEventListener("click", (event) => {
    const input = document.getElementById(link.dataset.retype);
    event.preventDefault();
    input.focus();
    input.select();
  });
}
