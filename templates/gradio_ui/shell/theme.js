// Light or dark, as the reader chose on any page of the site (static/js/site.js). Loaded in the
// head, before Gradio asks which one the system prefers: it is told the choice instead, also when
// that changes, so everything of it follows, plots included.
(() => {
  "use strict";
  const QUERY = "(prefers-color-scheme: dark)";
  const KEY = "theme";
  const system = window.matchMedia(QUERY);
  const told = new EventTarget();

  // Gradio's own word for one page goes first.
  let chosen = new URLSearchParams(location.search).get("__theme");
  try {
    chosen ??= localStorage.getItem(KEY);
  } catch {
    // Storage may be switched off; the choice then lasts for this page.
  }

  const isDark = () => (chosen === "light" || chosen === "dark" ? chosen === "dark" : system.matches);

  const preference = {
    media: QUERY,
    get matches() {
      return isDark();
    },
    onchange: null,
    addEventListener: told.addEventListener.bind(told),
    removeEventListener: told.removeEventListener.bind(told),
    addListener: (listener) => told.addEventListener("change", listener),
    removeListener: (listener) => told.removeEventListener("change", listener),
    dispatchEvent: told.dispatchEvent.bind(told),
  };
  const matchMedia = window.matchMedia.bind(window);
  window.matchMedia = (query) => (query.trim() === QUERY ? preference : matchMedia(query));

  const tell = () => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    const event = new Event("change");
    event.matches = isDark();
    event.media = QUERY;
    preference.onchange?.(event);
    told.dispatchEvent(event);
  };
  const choose = (theme) => {
    chosen = theme;
    tell();
  };

  system.addEventListener("change", tell);
  window.addEventListener("storage", (event) => event.key === KEY && choose(event.newValue));
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";

  // For the bar's button.
  window.gradioSessionTheme = {
    choose(theme) {
      choose(theme);
      // With `__theme` in the address Gradio does not listen.
      document.body.classList.toggle("dark", theme === "dark");
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // As above.
      }
    },
  };
})();
