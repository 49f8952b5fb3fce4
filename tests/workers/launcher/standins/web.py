"""Answers /readyz with what it runs as, on the socket that the launcher hands down."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"pid": os.getpid(), "uid": os.getuid(), "groups": os.getgroups()})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Silent."""


def main() -> None:
    home = Path(os.environ["TALLYSTICK_HOME"])
    if (home / "leaks").exists():
        sys.exit("The forklift leaks oil.")
    if (home / "stands-still").exists():
        signal.pause()
    # Imported late, as much of Python is, when root is given up already.
    import_module("concurrent.futures.thread")
    import_module("wave")
    import_module(f"{__package__}.late")
    server = HTTPServer(("", 0), Answer, bind_and_activate=False)
    server.socket = socket.socket(fileno=int(os.environ["TALLYSTICK_LISTEN_DESCRIPTOR"]))
    os.write(int(os.environ["TALLYSTICK_READY_DESCRIPTOR"]), b"ready\n")
    server.serve_forever()
