// On the site's own pages: when the session ends, elsewhere or by an operator, what is shown here
// must not stay. Loaded again, the page leads to the login page and back, or shows what is for all.
(() => {
  "use strict";
  const REVOKED = 4401;
  const SOON = 2_000, RARELY = 60_000;
  const address = new URL(document.currentScript.dataset.live, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  let failures = 0;

  const connect = () => {
    const socket = new WebSocket(address);
    socket.onopen = () => (failures = 0);
    socket.onclose = ({ code }) => {
      if (code === REVOKED) location.reload();
      else setTimeout(connect, Math.min(SOON * 2 ** failures++, RARELY) * (0.5 + Math.random() / 2));
    };
  };
  connect();
})();
