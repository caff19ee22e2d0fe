// Another person takes the shared tablet: tap the name above, tap one's own, type the PIN. What was typed before stays with
// whom the screen showed.

import { keep, recall } from "./keep.js";
import { askServer } from "./outbox.js";

const FEWEST_DIGITS = 4, MOST_DIGITS = 8;

export class People {
  constructor(dialog, button, { onChange }) {
    Object.assign(this, { dialog, button, onChange, digits: "", chosen: null, lengths: {} });
    button.addEventListener("click", () => this.open());
    dialog.querySelector("[data-pin-pad]").addEventListener("click", (event) => {
      const key = event.target.closest("[data-pin-key]")?.dataset.pinKey;
      if (key) this.press(key);
    });
    dialog.addEventListener("keydown", (event) => {
      if (!this.chosen || event.target.closest("[data-pin-key]")) return;
      if (/^\d$/.test(event.key)) this.press(event.key);
      else if (event.key === "Backspace") this.press("delete");
      else if (event.key === "Enter") { event.preventDefault(); this.press("go"); }
    });
    dialog.querySelector("[data-back-to-names]").addEventListener("click", () => this.choose(null));
  }

  /** Show the button on a shared device only, with who is on the screen. */
  async offer(person) {
    this.button.querySelector("span").textContent = person.display_name;
    this.person = person;
    try {
      const response = await askServer("/api/v1/pin-people");
      if (response.ok) await keep("pin-people", (await response.json()).items);
      else if (response.status === 403) await keep("pin-people", null);
    } catch { /* out of reach: who was there last time */ }
    this.people = await recall("pin-people");
    this.lengths = (await recall("pin-lengths")) ?? {};
    this.button.hidden = !this.people?.length;
  }

  open() {
    const list = this.dialog.querySelector("[data-names]");
    list.replaceChildren(...this.people.filter((one) => one.user_id !== this.person.user_id).map((one) => {
      const name = document.createElement("button");
      name.type = "button";
      name.className = "button big";
      name.textContent = one.display_name;
      name.addEventListener("click", () => this.choose(one));
      return name;
    }));
    this.choose(null);
    this.dialog.showModal();
  }

  choose(one) {
    this.chosen = one;
    this.digits = "";
    this.dialog.querySelector("[data-names]").hidden = Boolean(one);
    this.dialog.querySelector("[data-pin]").hidden = !one;
    this.dialog.querySelector("[data-who]").textContent = one?.display_name ?? this.dialog.dataset.question;
    this.tell("");
  }

  tell(words) {
    this.dialog.querySelector("[data-pin-dots]").textContent = "●".repeat(this.digits.length);
    this.dialog.querySelector("[data-pin-words]").textContent = words;
  }

  press(key) {
    if (key === "go") return this.enter();
    this.digits = key === "delete" ? this.digits.slice(0, -1) : (this.digits + key).slice(0, MOST_DIGITS);
    this.tell("");
    // How many digits this person's PIN has was seen when it was right on this tablet: then no key is needed behind them.
    return this.digits.length === this.lengths[this.chosen.user_id] && key !== "delete" ? this.enter() : undefined;
  }

  async enter() {
    if (this.digits.length < FEWEST_DIGITS) return this.tell(this.dialog.dataset.tooShort);
    const { chosen, digits } = this;
    let response;
    try { response = await askServer("/api/v1/pin-sessions", { body: { user_id: chosen.user_id, pin: digits } }); } catch {
      this.digits = "";
      return this.tell(this.dialog.dataset.unreachable);
    }
    if (!response.ok) {
      this.digits = "";
      const said = await response.json().catch(() => null);
      return this.tell(said?.detail ?? this.dialog.dataset.unreachable);
    }
    this.lengths[chosen.user_id] = digits.length;
    await keep("pin-lengths", this.lengths);
    this.dialog.close();
    return this.onChange();
  }
}
