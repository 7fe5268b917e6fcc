"""A pooler keeps from the server what a session begins with, role and durability among it: it is refused."""

from __future__ import annotations

import pickle
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrastructure.database import Database
from infrastructure.errors import PoolerInBetween
from infrastructure.settings import Settings
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.integration

_OPTIONS = re.compile(rb"(?<=\0)options\0[^\0]*\0")
_ERROR = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0"


def ignoring(client: socket.socket, server: socket.socket, startup: bytes) -> None:
    """Do as PgBouncer does by `ignore_startup_parameters = options`."""
    server.sendall(packet(_OPTIONS.sub(b"", startup)))
    back = threading.Thread(target=pump, args=(server, client))
    back.start()
    pump(client, server)
    back.join()


def refusing(client: socket.socket, server: socket.socket, startup: bytes) -> None:
    """Do as PgBouncer does by default."""
    client.sendall(b"E" + packet(_ERROR))


def packet(body: bytes) -> bytes:
    return struct.pack("!i", len(body) + 4) + body


def pump(source: socket.socket, target: socket.socket) -> None:
    while data := source.recv(1 << 16):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


@contextmanager
def pooler(database: FreshDatabase, do: Callable[..., None]) -> Iterator[str]:
    """Lend a URL of a pooler before the server."""
    found = re.search(r"@([^:/]+):(\d+)/", database.admin_url)
    assert found is not None

    def serve() -> None:
        client, _ = listening.accept()
        with client, socket.create_connection((found[1], int(found[2]))) as server:
            while True:
                length, kind = struct.unpack("!ii", client.recv(8, socket.MSG_WAITALL))
                if kind >> 16 == 3:
                    break
                client.sendall(b"N")  # no TLS and no GSS here
            rest = client.recv(length - 8, socket.MSG_WAITALL)
            do(client, server, struct.pack("!i", kind) + rest)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        port = listening.getsockname()[1]
        yield database.admin_url.replace(found[0], f"@127.0.0.1:{port}/")
        serving.join(10)


@pytest.mark.parametrize("do", [ignoring, refusing])
def test_a_pooler_is_refused_since_a_session_would_have_other_rights_and_settings(
    migrated: FreshDatabase, tmp_path: Path, do: Callable[..., None]
) -> None:
    with pooler(migrated, do) as url:
        with pytest.raises(PoolerInBetween, match="such as PgBouncer") as caught, Database(Settings(tmp_path, url)):
            pass
        assert "postgres:***@" in str(caught.value) and "Name the Postgres behind it" in str(caught.value)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (str(again), vars(again)) == (str(caught.value), vars(caught.value))
