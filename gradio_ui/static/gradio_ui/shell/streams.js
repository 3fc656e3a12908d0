// Streams of server-sent events that end as Gradio's page expects it, however the line ends.
import { live } from "./live.js";
import { sleep, texts } from "./page.js";

const END = "close_stream";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// The stream of a page's events. Cut short, it says that they have failed; without an `event_id`
// that holds for all that listen.
export async function mended(open, signal) {
  let response = null;
  try {
    response = await open();
  } catch (error) {
    if (signal?.aborted) throw error;
  }
  const body = response?.ok ? response.body.getReader() : null;
  let rest = new Uint8Array();
  let last = "";
  const stream = new ReadableStream({
    async pull(controller) {
      try {
        for (;;) {
          const { done, value } = body ? await body.read() : { done: true };
          if (done) break;
          // Whole messages only: half of one could not be parsed.
          const [whole, half] = split(joined(rest, value));
          rest = half;
          if (!whole.length) continue;
          last = decoder.decode(whole.slice(-200));
          return controller.enqueue(whole);
        }
      } catch (error) {
        if (signal?.aborted) return controller.error(error);
      }
      if (!last.includes(END)) controller.enqueue(encoder.encode(failure()));
      controller.close();
    },
    cancel: (reason) => body?.cancel(reason),
  });
  return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
}

function failure() {
  live.check();
  const error = live.state === "gone" ? texts.signedOut : texts.cut;
  const failed = { msg: "process_completed", success: false, title: "", output: { error, visible: true } };
  return [failed, { msg: END }].map((message) => `data: ${JSON.stringify(message)}\n\n`).join("");
}

function joined(first, second) {
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

// The heartbeat, by which the server knows that the page is still open. It never ends here; when
// the line does, another one is opened.
export async function keptOpen(open, signal) {
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
