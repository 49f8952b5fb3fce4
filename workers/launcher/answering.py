"""Whether the api answers, and whether its port is free, asked over a plain socket."""

from __future__ import annotations

import http.client
import socket

from workers.launcher.options import Options
from write_model.kernel.homes import reachable


def answers(options: Options) -> bool:
    """Whether `/readyz` says 200."""
    connection = http.client.HTTPConnection(reachable(options.host), options.port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def port_is_free(options: Options) -> bool:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server will: a port whose last connections linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError:
            return False
        return True
