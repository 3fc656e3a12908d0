// On the site's own pages: when the session ends, elsewhere or by an operator, what is shown here
// must not stay. Asked for again, the page leads to the login page, or shows what is for all.
(() => {
  "use strict";
  const REVOKED = 4401;
  const SOON = 500, PATIENCE = 5_000, RARELY = 60_000, PROBES = 3;
  // `probe`: a page that sends who is signed out to the login page.
  const { live, probe } = document.currentScript.dataset;
  const address = new URL(live, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  let failures = 0;

  // Who signs out here is on the way already, and that way must not be cut off.
  let isLeaving = false;
  addEventListener("beforeunload", () => {
    isLeaving = true;
    setTimeout(() => (isLeaving = false), PATIENCE); // it was a download
  });

  const leave = () => {
    if (isLeaving) setTimeout(leave, SOON);
    // Not `reload`, which would ask whether to send a form again.
    else location.replace(location.pathname + location.search);
  };

  // A browser does not tell why there is no connection. To ask counts as use, so not for ever.
  const isSignedOut = async () => {
    try {
      const answer = await fetch(probe, { method: "HEAD", redirect: "manual", cache: "no-store" });
      return answer.type === "opaqueredirect";
    } catch {
      return false;
    }
  };

  const connect = () => {
    const socket = new WebSocket(address);
    socket.onopen = () => (failures = 0);
    socket.onclose = async ({ code }) => {
      if (code === REVOKED) return leave();
      const wait = Math.min(SOON * 2 ** failures++, RARELY) * (0.5 + Math.random() / 2);
      await new Promise((done) => setTimeout(done, wait));
      if (failures <= PROBES && (await isSignedOut())) return leave();
      connect();
    };
  };
  connect();
})();
