// What was written and not sent, kept in this tab over the way to the login page and back, for the
// one who wrote it and nobody else.
import { page, sleep } from "./live.js";

const KEY = "gradio-session-draft";
// Milliseconds that it is kept, and in which the page may still put its own values over it.
const LASTS = 60 * 60 * 1000, SETTLES = 4_000, LOADS = 30_000;
const FIELDS = "textarea, input:is([type=text], [type=search], [type=email], [type=url], [type=tel], [type=number], :not([type]))";

const storage = (() => {
  try {
    return window.sessionStorage;
  } catch {
    return null; // switched off
  }
})();

const written = new Set();
let isTaken = false;
for (const kind of ["pointerdown", "keydown"]) {
  document.addEventListener(kind, (event) => (isTaken ||= event.isTrusted), true);
}

document.addEventListener("input", (event) => {
  if (event.isTrusted && event.target.matches?.(FIELDS)) written.add(event.target);
}, true);

// The same after the page has been loaded again: what the field is called, and which one of those
// that are called so. Gradio's elements have no ids of their own.
const nameOf = (field) =>
  field.ariaLabel || field.closest("label")?.querySelector("span")?.textContent.trim() || field.placeholder;

const fieldsOf = (name) => [...document.querySelectorAll(FIELDS)].filter((field) => nameOf(field) === name);

function addressOf(field) {
  const name = nameOf(field);
  return [name, fieldsOf(name).indexOf(field)];
}

const fieldAt = ([name, place]) => fieldsOf(name)[place];

// For who is at the page, or who that visitor has turned out to be.
export function keep(user = page.user) {
  const fields = [...written]
    .filter((field) => field.isConnected && field.value)
    .map((field) => [addressOf(field), field.value]);
  if (!fields.length) return;
  const draft = { user, path: location.pathname, time: Date.now(), fields };
  try {
    storage?.setItem(KEY, JSON.stringify(draft));
  } catch {
    // More than the browser gives room for.
  }
}

export function forget() {
  written.clear();
  storage?.removeItem(KEY);
}

function take() {
  try {
    const draft = JSON.parse(storage?.getItem(KEY) ?? "null");
    if (!draft) return [];
    const isOurs = draft.user === page.user && Date.now() - draft.time < LASTS;
    if (isOurs && draft.path !== location.pathname) return [];
    storage.removeItem(KEY);
    return isOurs ? draft.fields : [];
  } catch {
    return [];
  }
}

async function restore([address, text]) {
  const end = Date.now() + LOADS;
  let field;
  while (!(field = fieldAt(address)) && Date.now() < end) await sleep(100);
  if (!field) return;
  // A load event of the app may come later than the field, but what somebody does goes first.
  const settled = Date.now() + SETTLES;
  while (Date.now() < settled && !isTaken && (field = fieldAt(address))) {
    if (field.value !== text) {
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    await sleep(100);
  }
  if (field?.value === text) written.add(field);
}

for (const one of take()) restore(one);
