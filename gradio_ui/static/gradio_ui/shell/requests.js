// Gradio sends everything by `fetch`, its event streams too. Here it learns what became of the
// session, and what it would take for a lost connection, after which its page reloads itself and
// forgets what was in it, becomes an error that the page survives.
import { live, page, sleep, texts, used } from "./live.js";

// Milliseconds that a request waits for the server to come back before it is sent.
const WAITS = 60_000;

const fetch = window.fetch.bind(window);
const api = `${page.root}/gradio_api/`;

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
  const response = sendPatiently(open, isEvent);
  return name === "queue/join" ? joined(response) : response;
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
      if (response.ok) used();
      return response;
    }
    await live.lost();
  }
  const body = { detail: texts.unreachable, error: texts.unreachable };
  return new Response(JSON.stringify(body), { status: 502, headers: { "Content-Type": "application/json" } });
}

// The events that were accepted and have not been heard to be over. The server ends a page's stream
// after the last event that it knows of, and Gradio's page opens one only when it knows of none. An
// event that it hears to be accepted before it hears of the end would never be heard.
const running = new Set();
// Those that were heard to be over before they were heard to be accepted.
const early = new Set();
// Milliseconds in which Gradio's page has taken notice of an end.
const NOTICE = 100;
let noticed = Promise.resolve();

async function joined(answer) {
  const response = await answer;
  if (response.ok) {
    const { event_id } = await response.clone().json();
    if (!early.delete(event_id)) running.add(event_id);
  }
  await noticed;
  return response;
}

// Streams of server-sent events end as Gradio's page expects it, however the line ends.
const END = "close_stream";
// With which nginx ends a stream whose process has gone, see deploy/nginx, and a process one that it
// cannot hear any more, see cluster/lost.py: that is no end here.
const CUT = 'data: {"msg":"process_completed","message":';
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// Milliseconds in which a stream that was cut short can be opened again, and between attempts.
const PATIENCE = 4_000, PAUSE = 200;

// The stream of a page's events. Cut short, it is opened again: where the events run, what was not
// heard is kept for a moment. If that is not possible it says that they have failed; without an
// `event_id` that holds for all that listen.
async function mended(open, signal) {
  let body = await opened(open, undefined, signal);
  let rest = new Uint8Array();
  let last = "";
  let count = 0;
  const stream = new ReadableStream({
    async pull(controller) {
      for (;;) {
        let part = { done: true };
        try {
          if (body) part = await body.read();
        } catch (error) {
          if (signal?.aborted) return controller.error(error);
        }
        if (part.done) {
          const isOver = !body || last.includes(END);
          rest = new Uint8Array();
          body = isOver ? null : await openedAgain(open, count, signal);
          if (body) continue;
          if (!last.includes(END)) ended(controller, encoder.encode(failure()));
          return controller.close();
        }
        // Whole messages only: half of one could not be parsed.
        const [messages, half] = split(appended(rest, part.value));
        const whole = withoutCut(messages);
        rest = half;
        if (!whole.length) continue;
        count += heard(whole);
        last = decoder.decode(whole.slice(-200));
        if (!last.includes(END)) return controller.enqueue(whole);
        if (!running.size) return ended(controller, whole);
        const before = split(whole.subarray(0, -1))[0];
        body = await opened(open, undefined, signal);
        count = 0;
        last = "";
        if (before.length) return controller.enqueue(before);
      }
    },
    cancel: (reason) => body?.cancel(reason),
  });
  return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
}

async function opened(open, count, signal) {
  try {
    const response = await open(count);
    return response.ok ? response.body.getReader() : null;
  } catch (error) {
    if (signal?.aborted) throw error;
    return null;
  }
}

async function openedAgain(open, count, signal) {
  for (const end = Date.now() + PATIENCE; Date.now() < end && live.state !== "gone"; await sleep(PAUSE)) {
    const body = await opened(open, count, signal).catch(() => null);
    if (body || signal?.aborted) return body;
  }
  return null;
}

function ended(controller, bytes) {
  running.clear();
  noticed = sleep(NOTICE);
  controller.enqueue(bytes);
}

// Without an id it is of all events.
const COMPLETED = /^data: {"msg": ?"process_completed"(, ?"event_id": ?"([^"]+)")?/;

// The number of messages, which end with an empty line. Forgets the events that are over by them.
function heard(bytes) {
  let count = 0;
  let start = 0;
  for (let at = 1; at < bytes.length; at++) {
    if (bytes[at] !== 10 || bytes[at - 1] !== 10) continue;
    const head = decoder.decode(bytes.subarray(start, start + 300));
    const [isOver, , id] = COMPLETED.exec(head) ?? [];
    if (isOver && !id) running.clear();
    else if (isOver && !running.delete(id)) early.add(id);
    start = at + 1;
    count++;
  }
  return count;
}

function failure() {
  live.check();
  const error = live.state === "gone" ? texts.signedOut : texts.cut;
  const failed = { msg: "process_completed", success: false, title: "", output: { error, visible: true } };
  return [failed, { msg: END }].map((message) => `data: ${JSON.stringify(message)}\n\n`).join("");
}

function appended(first, second) {
  if (!first.length) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

// After the last empty line.
function split(bytes) {
  for (let at = bytes.length - 1; at > 0; at--) {
    if (bytes[at] === 10 && bytes[at - 1] === 10) return [bytes.subarray(0, at + 1), bytes.subarray(at + 1)];
  }
  return [new Uint8Array(), bytes];
}

// What came before the line was cut, without the half of a message. Both may say so.
function withoutCut(bytes) {
  const tail = decoder.decode(bytes.slice(-1000));
  const at = tail.indexOf(CUT);
  return at < 0 ? bytes : split(bytes.subarray(0, bytes.length - encoder.encode(tail.slice(at)).length))[0];
}

// The heartbeat, by which the server knows that the page is still open. It never ends here; when
// the line does, another one is opened.
async function keptOpen(open, signal) {
  let isOver = false;
  const stream = new ReadableStream({
    async start(controller) {
      signal?.addEventListener("abort", () => {
        isOver = true;
        controller.error(signal.reason);
      });
      while (!isOver) {
        try {
          const response = await open();
          const body = response.ok ? response.body.getReader() : null;
          for (let part; body && !(part = await body.read()).done; ) controller.enqueue(part.value);
        } catch {
          // Why is for others to find out.
        }
        do await sleep(1_000);
        while (live.state !== "up" && !isOver);
      }
    },
    cancel() {
      isOver = true;
    },
  });
  return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
}
