// The language that the reader chose on any page of the site. Loaded in the head, before Gradio asks
// the browser for its own.
(() => {
  "use strict";
  const { language, direction } = document.currentScript.dataset;
  Object.assign(document.documentElement, { lang: language, dir: direction });
  if (navigator.language.split("-")[0] === language) return;
  Object.defineProperty(navigator, "language", { get: () => language });
  Object.defineProperty(navigator, "languages", { get: () => [language] });
})();
