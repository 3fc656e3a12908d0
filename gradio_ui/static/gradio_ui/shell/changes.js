// Another tab or device has changed a key: clicks the hidden buttons of `gradio_ui.session_changed`.
import { live } from "./live.js";

const SELECTOR = ".gradio-session-changed";

live.addEventListener("changed", ({ detail: { keys, by } }) => {
  if (by && by === window.__gradio_session_hash__) return;
  for (const button of document.querySelectorAll(SELECTOR)) {
    const wanted = JSON.parse(button.textContent);
    if (!keys || !wanted.length || wanted.some((key) => keys.includes(key))) button.click();
  }
});
