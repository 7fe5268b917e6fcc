"""What all tests share: fixtures, and hypothesis with the same examples on every machine and day, and no clock."""

import gc
import os
import signal

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.support.homes",
    "tests.support.runner_forks",
    "tests.support.postgres",
    "tests.support.stores",
    "tests.support.memories",
    "tests.support.polis_process",
    "tests.support.commands",
]

# No deadline: the first example of a kernel waits for its compiler.
settings.register_profile("chronopolis", derandomize=True, deadline=None, max_examples=60, print_blob=True)
settings.load_profile("chronopolis")

# Behind `make test &` of a script Ctrl-C is ignored, and so by all that tests start; but some tests are of Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tables are as wide as these say; and `import readline`, of whatever starts the workers, makes them say 80 by 24.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)

# While tests are collected: what is read then stays, and looking through it for garbage was a quarter of the time.
# Not by other thresholds: what is imported meanwhile may take them for Python's own.
gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Look for garbage as Python does, from now on."""
    gc.freeze()
    gc.enable()
