// A file goes to the server in pieces, and goes on where it broke off.

import { makeUuid } from "./round/outbox.js";

const TRIES = 5;
const form = document.querySelector("[data-upload]");
const said = form?.querySelector("[data-said]");

async function send(path, body, type) {
  for (let tried = 1; ; tried += 1) {
    const response = await fetch(`/api/v1/imports${path}`, {
      method: "POST", body, headers: { "X-Requested-With": "import", ...type },
    }).catch(() => null);
    if (response?.ok) return response.json();
    if (response && response.status < 500) throw new Error((await response.json()).detail);
    if (tried === TRIES) throw new Error(form.dataset.broken);
    await new Promise((done) => { setTimeout(done, 1000 * tried); }); // the line, or a full disk
  }
}

// The same file has the same name for the server, so that it goes on with what is there.
async function upload(file) {
  const key = `import/${file.name}/${file.size}/${file.lastModified}`;
  const uuid = localStorage.getItem(key) ?? makeUuid();
  localStorage.setItem(key, uuid);
  const begin = { client_uuid: uuid, file_name: file.name.slice(-200), size_bytes: file.size };
  const mapping = form.elements.mapping?.value || undefined;
  let view = await send("", JSON.stringify({ ...begin, mapping }), { "Content-Type": "application/json" });
  while (view.state === "uploading") {
    const body = new FormData();
    body.append("offset", view.received_bytes);
    body.append("piece", file.slice(view.received_bytes, view.received_bytes + Number(form.dataset.upload)), "piece");
    view = await send(`/${view.id}/pieces`, body);
    said.textContent = `${Math.round((100 * view.received_bytes) / file.size)} %`;
  }
  localStorage.removeItem(key);
  location.assign(`${form.action}/${view.id}`);
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = form.querySelector("[type=submit]");
  key.disabled = true;
  await upload(form.elements.file.files[0]).catch((refusal) => { said.textContent = refusal.message; });
  key.disabled = false;
});
