"""Another host, as far as one machine can be two: a network namespace at the end of a cable of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_OCTET = os.getpid() % 200 + 20


@dataclass
class OtherHost:
    """The other host, and what of this one it may reach.

    Attributes
    ----------
    here : address of this host, as the other one sees it
    command : what a command line begins with to be run there, under a host name of its own
    """

    here: str
    command: list[str]
    _listeners: list[socket.socket] = field(default_factory=list)

    def forward(self, target: tuple[str, int] | Path, *, tls: ssl.SSLContext | None = None) -> int:
        """Return a port at which the other host reaches a socket of this one, over TLS if asked for."""
        listener = socket.create_server((self.here, 0))
        self._listeners.append(listener)
        threading.Thread(target=_serve, args=(listener, target, tls), daemon=True).start()
        return int(listener.getsockname()[1])

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


@pytest.fixture
def other_host() -> Iterator[OtherHost]:
    """A host behind a cable; skipped where one may not make network namespaces."""
    name, end = f"polis-{os.getpid()}", f"plt{os.getpid() % 10**8}"
    here, there = f"10.213.{_OCTET}.1", f"10.213.{_OCTET}.2"
    steps = (
        f"ip netns add {name}",
        f"ip link add {end} type veth peer name eth0 netns {name}",
        f"ip addr add {here}/30 dev {end}",
        f"ip link set {end} up",
        f"ip -n {name} addr add {there}/30 dev eth0",
        f"ip -n {name} link set eth0 up",
        f"ip -n {name} link set lo up",
    )
    if os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("unshare")):
        pytest.skip("network namespaces need root, iproute2 and unshare")
    try:
        for step in steps:
            done = subprocess.run(step.split(), capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"no network namespace is to be had: {step}: {done.stderr.strip()}")
        renamed = ["unshare", "--uts", "sh", "-c", 'hostname other-host && exec "$@"', "sh"]
        host = OtherHost(here, ["ip", "netns", "exec", name, *renamed])
        yield host
        host.close()
    finally:
        subprocess.run(["ip", "link", "delete", end], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def certificate(folder: Path, address: str) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for an address; return it, to be trusted, and what a server shows it with."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    made, key = folder / "here.pem", folder / "here.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=polis test",
         "-addext", f"subjectAltName=IP:{address}", "-keyout", str(key), "-out", str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(made, key)
    return made, shown


def _serve(listener: socket.socket, target: tuple[str, int] | Path, tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:  # closed
            return
        threading.Thread(target=_join, args=(near, target, tls), daemon=True).start()


def _join(near: socket.socket, target: tuple[str, int] | Path, tls: ssl.SSLContext | None) -> None:
    try:
        if tls is not None:
            near = tls.wrap_socket(near, server_side=True)
        if isinstance(target, Path):
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(target))
        else:
            far = socket.create_connection(target)
    except OSError:  # a client that does not trust us, or a server that is gone
        near.close()
        return
    threading.Thread(target=_pump, args=(near, far), daemon=True).start()
    _pump(far, near)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
