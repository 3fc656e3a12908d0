// Gradio sends everything by `fetch`, its event streams too. Here it learns what became of the
// session, and what it would take for a lost connection, after which its page reloads itself and
// forgets what was in it, becomes an error that the page survives.
import { live } from "./live.js";
import { page, texts } from "./page.js";
import { keptOpen, mended } from "./streams.js";

// Milliseconds that a request waits for the server to come back before it is sent.
const WAITS = 60_000;

const fetch = window.fetch.bind(window);
const api = `${page.root}/gradio_api/`;

// When the server last counted something as use.
export let lastUse = Date.now();

window.fetch = (input, init) => {
  const request = new URL(input instanceof Request ? input.url : input, document.baseURI);
  if (request.origin !== location.origin || !request.pathname.startsWith(api)) return fetch(input, init);
  const name = request.pathname.slice(api.length);
  const open = () => fetch(input, init);
  if (name.startsWith("heartbeat/")) return keptOpen(open, init?.signal);
  if (name === "queue/data") {
    const openAfter = (last) => fetch(input, { ...init, headers: { ...init?.headers, "Last-Event-ID": last } });
    return mended((last) => send(last === undefined ? open : () => openAfter(last)), init?.signal);
  }
  const method = init?.method ?? (input instanceof Request ? input.method : "GET");
  if (method === "GET" || method === "HEAD") return send(open);
  const isEvent = /^(queue\/join|run\/|api\/)/.test(name);
  return sendPatiently(open, isEvent);
};

async function send(open) {
  let response;
  try {
    response = await open();
  } catch (error) {
    if (error.name !== "AbortError") live.lost();
    throw error;
  }
  if (response.status === 401) live.over();
  return response;
}

// Never twice what the server may have taken already: only what it refused without looking.
async function sendPatiently(open, isEvent) {
  const end = Date.now() + WAITS;
  while (await live.ready(end - Date.now())) {
    let response;
    try {
      response = await send(open);
    } catch (error) {
      if (!isEvent || error.name === "AbortError") throw error;
      break;
    }
    const isRefused = response.status === 503 && response.headers.has("Retry-After");
    if (!isRefused || Date.now() > end) {
      if (response.ok) lastUse = Date.now();
      return response;
    }
    await live.lost();
  }
  const body = { detail: texts.unreachable, error: texts.unreachable };
  return new Response(JSON.stringify(body), { status: 502, headers: { "Content-Type": "application/json" } });
}
