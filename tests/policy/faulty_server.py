"""A real HTTP server on the loopback that answers from a list of behaviours and keeps what it was sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler"], None]


def chat(content: Any = "<answer>[]</answer>", **message: Any) -> dict[str, Any]:
    return {
        "choices": [{"message": {"role": "assistant", "content": content, **message}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7},
    }


def answers(status: int, body: Any, headers: dict[str, str] | None = None) -> Behaviour:
    """One complete response."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return behave


def ok(content: Any = "<answer>[]</answer>", **message: Any) -> Behaviour:
    return answers(200, chat(content, **message))


def sleeps(seconds: float, then: Behaviour) -> Behaviour:
    def behave(handler: Handler) -> None:
        time.sleep(seconds)
        then(handler)

    return behave


def breaks_off(handler: Handler) -> None:
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.close_connection = True
    handler.wfile.write(b'{"choices": [')


def hangs_up(handler: Handler) -> None:
    """Closes without a word."""
    handler.close_connection = True


def drips(handler: Handler) -> None:
    """Sends a byte every 50 ms, so that no single read ever times out."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(400):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def floods(handler: Handler) -> None:
    """Never stops sending."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    for _ in range(10_000):
        handler.wfile.write(b"x" * 65_536)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behaviours: list[Behaviour]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours = behaviours
        self.lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.busy = 0
        self.busiest = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up on us is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            position = min(len(self.server.requests), len(self.server.behaviours) - 1)
            self.server.requests.append(body)
            self.server.keys.append(self.headers.get("Authorization"))
            self.server.busy += 1
            self.server.busiest = max(self.server.busiest, self.server.busy)
        try:
            self.server.behaviours[position](self)
        finally:
            with self.server.lock:
                self.server.busy -= 1

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def serving(*behaviours: Behaviour) -> Iterator[Server]:
    """The last behaviour holds for all further requests."""
    server = Server(list(behaviours))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
