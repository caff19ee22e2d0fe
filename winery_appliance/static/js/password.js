// The eye beside a password: shows it while pressed in, hides it again before it is sent.

function show(button, input, shown) {
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

for (const button of document.querySelectorAll("[data-shows]")) {
  const input = document.getElementById(button.dataset.shows);
  button.addEventListener("click", () => show(button, input, input.type === "password"));
  // A browser offers to remember text fields; a password must not end among them.
  input.form.addEventListener("submit", () => show(button, input, false));
}
