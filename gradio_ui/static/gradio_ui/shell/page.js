// What the server says of this page, see gradio_ui/shell.py.
export const page = JSON.parse(document.querySelector("meta[name=gradio-session]").content);
export const texts = page.texts;

// The shadow tree of the bar (null in an app without one) and that of the dialogs.
export const bar = document.querySelector("gradio-session-bar")?.shadowRoot ?? null;
export const dialogs = document.querySelector("gradio-session-dialogs").shadowRoot;

export const loginAddress = () =>
  `${page.login}?next=${encodeURIComponent(location.pathname + location.search)}`;

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
