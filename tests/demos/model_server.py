"""A tiny server that speaks the OpenAI chat API, well or badly, on a loopback port."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def event(text: str) -> bytes:
    chunk = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "tiny",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }
    return f"data: {json.dumps(chunk)}\n\n".encode()


class ModelServer(ThreadingHTTPServer):
    """Answers with `pieces`; `mode` says how: "well" or one of the ways to fail."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = "well"
        self.pieces = ["Hel", "lo ", "Wörld"]
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append({"path": self.path, **body})
        self.server.keys.append(self.headers.get("Authorization", ""))
        getattr(self, self.server.mode)()

    def well(self) -> None:
        self.begin()
        for piece in self.server.pieces:
            self.wfile.write(event(piece))
        self.wfile.write(b"data: [DONE]\n\n")

    def unauthorized(self) -> None:
        self.refuse(401)

    def no_model(self) -> None:
        self.refuse(404)

    def busy(self) -> None:
        self.refuse(429)

    def crashed(self) -> None:
        self.refuse(500)

    def cut(self) -> None:
        """Promises more than it sends."""
        self.begin(length=10_000)
        self.wfile.write(event("Hel"))

    def error_in_stream(self) -> None:
        self.begin()
        self.wfile.write(event("Hel"))
        self.wfile.write(b'data: {"error": {"message": "secret detail", "code": 500}}\n\n')

    def no_json(self) -> None:
        self.begin()
        self.wfile.write(b"data: {broken\n\n")

    def silent(self) -> None:
        time.sleep(3)

    def empty(self) -> None:
        self.begin()
        self.wfile.write(b"data: [DONE]\n\n")

    def web_page(self) -> None:
        self.begin(kind="text/html")
        self.wfile.write(b"<html>Sign in to the proxy</html>")

    def begin(self, length: int | None = None, kind: str = "text/event-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if length:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def refuse(self, status: int) -> None:
        body = b'{"error": {"message": "secret detail"}}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        # The client waits that long before it tries again.
        self.send_header("Retry-After", "0.01")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def model_server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
