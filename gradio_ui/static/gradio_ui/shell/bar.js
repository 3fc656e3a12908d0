// The bar: its menus, the button for light and dark, the form that signs out, the state of the line.
import { bar, dialogs, loginAddress, page, texts } from "./page.js";
import { live } from "./live.js";
import { forget } from "./drafts.js";

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
