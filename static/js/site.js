// The reader's own choice of light or dark. Loaded in the head, before anything is painted.
(() => {
  "use strict";
  const root = document.documentElement;
  const key = "theme";

  let chosen = null;
  try {
    chosen = localStorage.getItem(key);
  } catch {
    // Storage may be switched off; the choice then lasts for this page.
  }
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

  const isDark = () =>
    (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  const label = () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.hidden = false;
      button.dataset.shows = isDark() ? "dark" : "light";
      button.setAttribute("aria-label", isDark() ? "Switch to light colours" : "Switch to dark colours");
    }
  };

  document.addEventListener("DOMContentLoaded", label);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem(key, root.dataset.theme);
    } catch {
      // As above.
    }
    label();
  });
})();
