// The bar and the dialogs of gradio_ui/shell.py. Runs before Gradio's own modules, which are later in
// the page.
import "./requests.js";
import { bar, dialogs, live, loginAddress, page, renew, sleep, texts } from "./live.js";
import { forget, keep } from "./drafts.js";

// Where the app has given its page no title of its own, Gradio's would be that of every tab.
if (window.gradio_config?.title === "Gradio") window.gradio_config.title = page.title;

// The bar: its menus, the button for light and dark, the form that signs out, the state of the line.
const root = document.documentElement;

function watchMenus() {
  const opened = () => bar.querySelector("details[open]");
  document.addEventListener("pointerdown", (event) => {
    const menu = opened();
    if (menu && !event.composedPath().includes(menu)) menu.open = false;
  });
  bar.addEventListener("keydown", (event) => {
    const menu = opened();
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  bar.addEventListener("focusout", (event) => {
    const menu = opened();
    if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
}

function watchTheme() {
  const button = bar.querySelector("[data-theme-toggle]");
  const isDark = () => root.dataset.theme === "dark";
  const label = () => {
    button.hidden = false;
    button.setAttribute("aria-label", isDark() ? texts.toLight : texts.toDark);
    button.title = isDark() ? texts.toLight : texts.toDark;
  };
  button.addEventListener("click", () => window.gradioSessionTheme.choose(isDark() ? "light" : "dark"));
  new MutationObserver(label).observe(root, { attributeFilter: ["data-theme"] });
  label();
}

function watchLine() {
  const status = bar.querySelector(".status");
  let timer;
  live.addEventListener("state", () => {
    clearTimeout(timer);
    if (live.state !== "down") status.textContent = "";
    // What is over in a moment is not worth a word.
    else timer = setTimeout(() => (status.textContent = navigator.onLine ? texts.reconnecting : texts.offline), 700);
  });
}

// Somebody may have signed in again in another tab since the page was made: then the token in the
// form is old, the one in the cookie is not.
function watchForms(tree) {
  for (const form of tree.querySelectorAll("[data-sign-out]")) {
    form.addEventListener("submit", () => {
      const start = `${page.csrfCookie}=`;
      const cookie = document.cookie.split("; ").find((one) => one.startsWith(start));
      if (cookie) form.elements.csrfmiddlewaretoken.value = cookie.slice(start.length);
      forget();
    });
  }
  for (const link of tree.querySelectorAll("[data-sign-in]")) link.href = loginAddress();
}

watchForms(dialogs);
if (bar) {
  watchForms(bar);
  watchMenus();
  watchTheme();
  watchLine();
}

// "Are you still there?", and what covers the page once nobody is signed in.
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

// Another tab or device has changed a key: clicks the hidden buttons of `gradio_ui.session_changed`.
live.addEventListener("changed", ({ detail: { keys, by } }) => {
  if (by && by === window.__gradio_session_hash__) return;
  for (const button of document.querySelectorAll(".gradio-session-changed")) {
    const wanted = JSON.parse(button.textContent);
    if (!keys || !wanted.length || wanted.some((key) => keys.includes(key))) button.click();
  }
});

live.start();
