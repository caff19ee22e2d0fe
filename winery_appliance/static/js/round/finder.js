// From a code to its tank: typed, or seen by the camera where the browser itself can read QR codes.

import { findTank } from "./tanks.js";

const LOOK_EVERY_MS = 250;

/** The tank's code in what a label says: the address of the round at that tank, or the bare code. */
export const codeOf = (seen) => decodeURIComponent(seen.includes("#") ? seen.slice(seen.indexOf("#") + 1) : seen);

export class Finder {
  constructor(dialog, { tanks, onFound, onLost }) {
    Object.assign(this, { dialog, tanks, onFound, onLost, input: dialog.querySelector("input"), scan: dialog.querySelector("[data-scan]"), video: dialog.querySelector("video") });
    this.scan.hidden = !("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia;
    this.scan.addEventListener("click", () => this.look());
    dialog.addEventListener("close", () => this.close());
  }

  open() { this.input.value = ""; this.dialog.returnValue = ""; this.dialog.showModal(); }

  close() {
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    this.video.hidden = true;
    if (this.dialog.returnValue === "go" && this.input.value.trim()) this.go(this.input.value);
  }

  go(code) {
    const found = findTank(this.tanks(), code);
    if (found) this.onFound(found, code); else this.onLost(code.trim());
  }

  async look() {
    try {
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      this.video.hidden = false;
      await this.video.play();
      const detector = new window.BarcodeDetector({ formats: ["qr_code"] });
      while (this.dialog.open && this.video.srcObject) {
        const [seen] = await detector.detect(this.video);
        if (seen) { this.input.value = codeOf(seen.rawValue); this.dialog.close("go"); return; }
        await new Promise((later) => { setTimeout(later, LOOK_EVERY_MS); });
      }
    } catch {
      this.dialog.close("");
      this.onLost(null);
    }
  }
}
