// Notes, with a photo that waits on the device like everything else.

import { words } from "./entries.js";
import { WorkForm } from "./work-form.js";

const MOST_BYTES = 20_000_000;

export class Note extends WorkForm {
  constructor() { super("note"); }

  get photo() { return this.fields.photo.files[0]; }
  path() { return `/api/v1/fermentations/${this.tank.fermentation_id}/notes`; }
  read() { return { content: this.fields.content.value.trim() }; }
  when(moment) { return { noted_at: moment }; }
  title() { return this.fields.content.value.trim().slice(0, 60) || this.photo?.name || ""; }

  doubt() {
    if (this.photo?.size > MOST_BYTES) return { refused: true, words: words.photoLarge };
    return this.fields.content.value.trim() || this.photo || this.mending?.photo ? null : { refused: true, words: words.emptyNote };
  }

  // Bytes, not a file: a file of the camera may be gone when the line is back.
  async more() { return this.photo ? { photo: { type: this.photo.type, bytes: await this.photo.arrayBuffer() } } : {}; }
}
