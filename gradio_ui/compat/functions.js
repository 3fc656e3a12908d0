// Gradio's frontend makes a function of each `js=` with `new AsyncFunction(text)`, which the
// Content-Security-Policy forbids; a page with one of them, such as that of any gr.Interface,
// would never be shown. The texts are the app's own and stand in the page's config: of them, and
// of nothing else, functions are made by scripts that have the page's nonce.
(() => {
  const { nonce } = document.currentScript;
  const { js, dependencies = [] } = window.gradio_config ?? {};
  const known = new Set();
  for (const text of [js, ...dependencies.map((dependency) => dependency.js)]) {
    if (typeof text !== "string") continue;
    // As an expression, which Gradio tries first, and as statements.
    known.add(`return (\n${text.trim().replace(/;+$/, "")}\n);`);
    known.add(text);
  }

  const make = (text) => {
    const script = document.createElement("script");
    script.nonce = nonce;
    script.text = `document.currentScript.made = async function () {\n${text}\n}`;
    // What is no expression is told by the error below; the console need not say it too.
    const quiet = (event) => event.preventDefault();
    window.addEventListener("error", quiet);
    document.head.append(script);
    window.removeEventListener("error", quiet);
    script.remove();
    if (!script.made) throw new SyntaxError("not a function of the app");
    return script.made;
  };

  const prototype = Object.getPrototypeOf(async function () {});
  const AsyncFunction = prototype.constructor;
  const value = function (...texts) {
    try {
      return new AsyncFunction(...texts);
    } catch (error) {
      if (error instanceof EvalError && texts.length === 1 && known.has(texts[0])) {
        return make(texts[0]);
      }
      throw error;
    }
  };
  Object.defineProperty(prototype, "constructor", { value, configurable: true });
})();
