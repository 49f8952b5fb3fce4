"""Answers /readyz with what it runs as, on the port that the launcher names."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"pid": os.getpid(), "uid": os.getuid(), "groups": os.getgroups()})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Silent."""


def main() -> None:
    HTTPServer(("127.0.0.1", int(os.environ["TALLYSTICK_PORT"])), Answer).serve_forever()
