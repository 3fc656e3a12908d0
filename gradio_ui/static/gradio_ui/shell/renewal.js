// Somebody who reads or writes sends nothing for a long time, and is there all the same.
import { live } from "./live.js";
import { page } from "./page.js";
import * as requests from "./requests.js";

let renewed = Date.now();
let isBusy = false;

// Counts as use, and brings a new ticket when the old one has aged.
export async function renew() {
  if (isBusy || live.state === "gone") return;
  isBusy = true;
  try {
    const { status } = await live.ask("login_check");
    if (status === 200) {
      renewed = Date.now();
      live.renewed();
    } else if (status === 401) live.over();
    else if (status >= 500) live.lost();
  } finally {
    isBusy = false;
  }
}

function noticed(event) {
  const last = Math.max(renewed, requests.lastUse);
  if (event.isTrusted && Date.now() - last > page.renewEvery * 1000) renew();
}

for (const kind of ["pointerdown", "keydown", "wheel", "touchmove"]) {
  document.addEventListener(kind, noticed, { capture: true, passive: true });
}
