"""The word to stop, as the threads of a worker's process wait for it."""

from __future__ import annotations

import signal
import threading

_SIGNALS = {signal.SIGTERM, signal.SIGINT}


def stop_asked() -> threading.Event:
    """Is set once SIGTERM or SIGINT has come. Call it before any other thread is started.

    Not by a handler: that runs amid the main thread's own wait, now and then while this holds the
    event's lock, and to set the event would then wait without end.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # Threads of later inherit it.
    stop = threading.Event()

    def hear() -> None:
        signal.sigwait(_SIGNALS)
        stop.set()

    threading.Thread(target=hear, name="hearing signals", daemon=True).start()
    return stop
