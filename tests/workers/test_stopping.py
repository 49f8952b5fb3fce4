"""A worker hears that it is to stop, whatever it does in that moment."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.files import CHECKOUT

ASKED_OFTEN = """
import os, signal, threading
from workers.stopping import stop_asked
for _ in range(30):
    stop = stop_asked()
    threading.Timer(0.005, os.kill, (os.getpid(), signal.{name})).start()
    while not stop.wait(0):
        pass
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_the_word_is_heard_amid_a_look_for_it(name: str) -> None:
    code = ASKED_OFTEN.format(name=name)
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=False, timeout=20)
    assert done.returncode == 0
