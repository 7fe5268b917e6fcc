"""A shell whose `polis` is answered by this process: starting Python for each command would take most of the time.

Pipes, redirections, loops, variables, folders and exit codes are the shell's own. What stands in for `polis` there
hands arguments, environment, folder and open files to this process, which calls the command as its entry point does.
Commands are answered one after another, so the two ends of one pipe can't both be `polis`.
"""

from __future__ import annotations

import ast
import contextlib
import os
import select
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

from chronopolis.cli import main

_ROOM = 1 << 20  # bytes, for what one command is told; a kernel gives no process more than a few times that
_STAND_IN = """\
import os, socket, sys
asking = socket.socket(socket.AF_UNIX)
asking.connect(sys.argv[1])
socket.send_fds(asking, [b"!"], [0, 1, 2])
asking.sendall(repr((sys.argv[2:], dict(os.environ), os.getcwd())).encode("utf-8", "surrogateescape"))
asking.shutdown(socket.SHUT_WR)
sys.exit(int(asking.recv(9)))
"""


def run_in_shell(
    script: str, *, environment: Mapping[str, str], folder: Path, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a script of bash and return its exit code and what it printed, once all that it started has ended."""
    with tempfile.TemporaryDirectory(prefix="polis-s-") as there, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{there}/s")
        listening.listen()
        stand_in = shlex.join([sys.executable, "-I", "-S", "-c", _STAND_IN, f"{there}/s"])
        command = ["bash", "-c", f'polis() {{ {stand_in} "$@"; }}\n{script}\n']
        ended, lasts = os.pipe()  # reads as ended when nobody has the other end any more
        # Files, not pipes: nobody would empty a pipe while this process writes to it.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err, open(ended) as over:
            process = subprocess.Popen(
                command, stdout=out, stderr=err, env=dict(environment), cwd=folder, pass_fds=[lasts]
            )
            os.close(lasts)
            _answer(listening, until=over.fileno(), within_s=timeout_s, process=process)
            for printed in (out, err):
                printed.seek(0)
            return subprocess.CompletedProcess(command, process.wait(), out.read(), err.read())


def _answer(listening: socket.socket, *, until: int, within_s: float, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + within_s
    while until not in (ready := select.select([listening, until], [], [], max(limit - time.monotonic(), 0))[0]):
        if not ready:
            process.kill()
            process.wait()
            raise subprocess.TimeoutExpired(process.args, within_s)
        asking, _ = listening.accept()
        with asking:
            _, files, _, _ = socket.recv_fds(asking, 1, 3)
            with asking.makefile("rb") as rest:
                arguments, environment, folder = ast.literal_eval(rest.read(_ROOM).decode("utf-8", "surrogateescape"))
            asking.sendall(str(_polis(arguments, environment, folder, files)).encode())


def _polis(arguments: list[str], environment: dict[str, str], folder: str, files: list[int]) -> int:
    """Call one command with somebody's environment, folder and files; return its exit code."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, environment, clear=True))
        stack.enter_context(contextlib.chdir(folder))
        read, write, complain = files
        stack.enter_context(patch("sys.stdin", stack.enter_context(open(read))))
        out = stack.enter_context(_written(write))
        err = stack.enter_context(_written(complain))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            return main.run(arguments)


@contextlib.contextmanager
def _written(number: int) -> Iterator[object]:
    """Lend an open file to write text to; whoever read it may have gone away."""
    file = open(number, "w", encoding="utf-8")  # noqa: SIM115 -- closing it may fail
    try:
        yield file
    finally:
        with contextlib.suppress(BrokenPipeError):
            file.close()
