"""The one socket that every api process of a stack accepts from.

It stays open as long as the launcher lives: whoever connects while a process is replaced, or while
none runs, waits in its queue for the next one and is not refused.
"""

from __future__ import annotations

import socket
from errno import EADDRINUSE

from workers.launcher.options import Options, OptionsRefused

_WAITING_AT_MOST = 2_048


def listening_socket(options: Options) -> socket.socket:
    """Raises: OptionsRefused when the address is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    address = (options.host, options.port)
    try:
        listening = socket.create_server(address, family=family, backlog=_WAITING_AT_MOST)
    except OSError as error:
        raise OptionsRefused(_reason(options, error)) from error
    # Connections have it from here; without it every answer may wait 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _reason(options: Options, error: OSError) -> str:
    if error.errno == EADDRINUSE:
        return f"Port {options.port} is taken. Choose another with --port."
    return f"{options.host} port {options.port} cannot be listened on: {error.strerror}."
