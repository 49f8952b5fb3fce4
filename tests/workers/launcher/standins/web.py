"""Answers /readyz with what it runs as, on the port that the launcher names."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"pid": os.getpid(), "uid": os.getuid(), "groups": os.getgroups()})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Silent."""


def main() -> None:
    # Imported late, as much of Python is, when root is given up already.
    import_module("concurrent.futures.thread")
    import_module("wave")
    import_module(f"{__package__}.late")
    HTTPServer(("127.0.0.1", int(os.environ["TALLYSTICK_PORT"])), Answer).serve_forever()
