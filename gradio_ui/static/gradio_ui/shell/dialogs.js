// "Are you still there?", and what covers the page once nobody is signed in.
import { live } from "./live.js";
import { dialogs, page, sleep, texts } from "./page.js";
import { keep } from "./drafts.js";
import { renew } from "./renewal.js";

const [expiring, gone, other] = ["expiring", "gone", "other"].map((name) => dialogs.querySelector(`[data-dialog=${name}]`));
const left = expiring.querySelector("[data-left]");

// Milliseconds. A visit that is over sooner will not last longer the next time.
const VISIT = 10_000;

let end = 0;
let timer;

function count() {
  const seconds = Math.max(Math.ceil((end - Date.now()) / 1000), 0);
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (left.textContent !== time) left.textContent = time;
  // It may have been used elsewhere meanwhile.
  if (seconds === 0) hide();
}

function hide() {
  clearInterval(timer);
  expiring.close();
  if (end && end <= Date.now()) live.check();
  end = 0;
}

live.addEventListener("expiring", ({ detail }) => {
  if (live.state === "gone") return;
  end = Date.now() + detail.seconds * 1000;
  for (const part of expiring.querySelectorAll("[data-if]")) {
    part.hidden = (part.dataset.if === "renewable") !== detail.renewable;
  }
  expiring.querySelector("[data-stay]").hidden = !detail.renewable;
  count();
  clearInterval(timer);
  timer = setInterval(count, 250);
  if (!expiring.open) expiring.showModal();
});

live.addEventListener("renewed", () => {
  end = 0;
  hide();
});

expiring.querySelector("[data-stay]").addEventListener("click", renew);
// Escape is somebody who is there.
expiring.addEventListener("cancel", (event) => {
  event.preventDefault();
  renew();
});

live.addEventListener("state", () => {
  if (live.state === "gone") {
    keep();
    end = 0;
    hide();
    if (!page.user) endVisit();
    else if (!gone.open) gone.showModal();
  } else if (live.state === "up" && gone.open) {
    gone.close();
  }
});

live.addEventListener("other", ({ detail: { name } }) => {
  if (page.user) location.reload();
  else goOnAs(name);
});

// By a sign-in in another tab, as a rule, which has taken along all that was done here. The tab may
// hear of its name a moment later.
async function endVisit() {
  for (let wait = 200; wait < 5_000; wait *= 2) {
    await sleep(wait);
    const name = await live.who();
    if (name) return goOnAs(name);
  }
  // A visitor has nowhere to sign in again, and a new visit begins with the page.
  if (performance.now() > VISIT) location.reload();
  else gone.showModal();
}

function goOnAs(name) {
  if (other.open) return;
  const said = (text) => text.replace("{name}", () => name);
  const button = other.querySelector("[data-go-on]");
  other.querySelector("p").textContent = said(texts.signedInAs);
  button.textContent = said(texts.goOnAs);
  button.addEventListener("click", () => {
    keep(name);
    location.reload();
  });
  other.showModal();
}

// Nothing but a choice uncovers the page.
for (const dialog of [gone, other]) dialog.addEventListener("cancel", (event) => event.preventDefault());
gone.addEventListener("close", () => live.state === "gone" && gone.showModal());
