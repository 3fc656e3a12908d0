// What the server says of this page, and what becomes of its session while it is open: from WS /ws/session/ (accounts/live.py), and
// from what requests are answered where there is no WebSocket.
//
// `live.state` is "up" (also at first), "down" (the server cannot be reached) or "gone" (signed
// out). Events: `state`; `expiring` {seconds, renewable}; `renewed`; `changed` {scope, keys, by},
// without keys when anything may have; `other` {name}: by now somebody else is signed in.

// See gradio_ui/shell.py.
export const page = JSON.parse(document.querySelector("meta[name=gradio-session]").content);
export const texts = page.texts;

// The shadow tree of the bar (null in an app without one) and that of the dialogs.
export const bar = document.querySelector("gradio-session-bar")?.shadowRoot ?? null;
export const dialogs = document.querySelector("gradio-session-dialogs").shadowRoot;

export const loginAddress = () =>
  `${page.login}?next=${encodeURIComponent(location.pathname + location.search)}`;

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const REVOKED = 4401;
// Milliseconds between attempts to reach the server, and to open a WebSocket that something on the
// way does not let through.
const SOON = 300, LATE = 2_000, RARELY = 60_000, PATIENCE = 5_000;

// Before it is ours, see requests.js.
const fetch = window.fetch.bind(window);
const others = "BroadcastChannel" in window ? new BroadcastChannel("gradio-session") : null;

class Live extends EventTarget {
  state = "up";
  #socket = null;
  #wasOpen = false;
  #failures = 0;
  #looking = null;

  start() {
    this.#connect();
    others?.postMessage("here");
    others?.addEventListener("message", ({ data }) => this.#heard(data));
    const back = () => document.visibilityState === "visible" && this.check();
    document.addEventListener("visibilitychange", back);
    window.addEventListener("focus", back);
    window.addEventListener("online", back);
    window.addEventListener("offline", () => this.lost());
    // A page that comes out of the browser's own cache is as old as it looks.
    window.addEventListener("pageshow", (event) => event.persisted && this.check());
  }

  // A request was refused: nobody is signed in.
  over() {
    if (this.state === "gone") return;
    this.#set("gone");
    others?.postMessage("gone");
    this.#socket?.close();
  }

  // A request did not get through.
  lost() {
    if (this.state === "up") this.#set("down");
    return this.#look();
  }

  // The session may have ended, or begun again, without a word.
  check() {
    if (this.state !== "up" || this.#socket?.readyState !== WebSocket.OPEN) return this.#look();
  }

  renewed({ aloud = true } = {}) {
    if (aloud) others?.postMessage("renewed");
    this.dispatchEvent(new Event("renewed"));
  }

  // Resolves when requests may be sent: at once, or when the line is there again; `false` when
  // that took longer than `limit`.
  async ready(limit) {
    const end = Date.now() + limit;
    while (this.state === "down" && Date.now() < end) await sleep(100);
    return this.state !== "down";
  }

  // 200: signed in and allowed; 401: signed out; 0: no answer. Does not count as use.
  async ask(path) {
    try {
      const options = { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
      return await fetch(`${page.root}/gradio_api/${path}`, options);
    } catch {
      return new Response(null, { status: 599 });
    }
  }

  // The name of who is signed in, "" for a visitor, null for nobody.
  async who() {
    const answer = await this.ask("user");
    return answer.ok ? ((await answer.json()) ?? "") : null;
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  #met(name) {
    this.#set("gone");
    this.dispatchEvent(new CustomEvent("other", { detail: { name } }));
  }

  #heard(word) {
    if (word === "renewed") this.renewed({ aloud: false });
    else if (this.state !== "gone") this.check();
    else if (word === "here") this.#look();
  }

  // One look at a time.
  #look() {
    this.#looking ??= this.#lookNow().finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #lookNow() {
    for (let wait = SOON; ; wait = Math.min(wait * 1.5, LATE)) {
      const { status } = await this.ask("app_id");
      if (status === 401) return this.over();
      if (status < 500) break;
      if (this.state === "gone") return;
      this.#set("down");
      await sleep(wait);
    }
    if (this.state === "gone") {
      const name = await this.who();
      if (name === null) return;
      if (name !== page.user) return this.#met(name);
    }
    this.#set("up");
    if (!this.#socket) this.#connect();
  }

  #connect() {
    const address = new URL(page.live, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    if (page.wantsChanges) address.searchParams.set("changes", "1");
    const socket = (this.#socket = new WebSocket(address));
    socket.onmessage = ({ data }) => this.#told(JSON.parse(data));
    socket.onclose = async ({ code }) => {
      this.#socket = null;
      if (code === REVOKED) return this.over();
      if (this.state === "gone") return;
      // While a page is left its connections end too.
      await sleep(Math.min(SOON * 2 ** this.#failures++, RARELY) * (0.5 + Math.random() / 2));
      await this.#look();
      if (!this.#socket && this.state === "up") this.#connect();
    };
  }

  #told(message) {
    switch (message.type) {
      case "open":
        this.#failures = 0;
        if (message.user !== page.user) return this.#met(message.user);
        if (this.#wasOpen) this.dispatchEvent(new CustomEvent("changed", { detail: {} }));
        this.#wasOpen = true;
        return this.#set("up");
      case "revoked":
        return this.over();
      case "expiring":
      case "changed":
        this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
    }
  }
}

export const live = new Live();

// Somebody who reads or writes sends nothing for a long time, and is there all the same.
let lastUse = Date.now();
let isBusy = false;

// The server has counted something as use.
export function used() {
  lastUse = Date.now();
}

// Counts as use, and brings a new ticket when the old one has aged.
export async function renew() {
  if (isBusy || live.state === "gone") return;
  isBusy = true;
  try {
    const { status } = await live.ask("login_check");
    if (status === 200) {
      used();
      live.renewed();
    } else if (status === 401) live.over();
    else if (status >= 500) live.lost();
  } finally {
    isBusy = false;
  }
}

function noticed(event) {
  if (event.isTrusted && Date.now() - lastUse > page.renewEvery * 1000) renew();
}

for (const kind of ["pointerdown", "keydown", "wheel", "touchmove"]) {
  document.addEventListener(kind, noticed, { capture: true, passive: true });
}
