// The reader's own choice of light or dark. Loaded in the head, before anything is painted.
(() => {
  "use strict";
  const root = document.documentElement;
  const key = "theme";
  const texts = document.currentScript.dataset;

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
      button.setAttribute("aria-label", isDark() ? texts.light : texts.dark);
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    label();
    // Only pages of a secure origin may write to the clipboard.
    if (!navigator.clipboard) return;
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  });
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
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).innerText);
    button.textContent = texts.copied;
  });
})();
