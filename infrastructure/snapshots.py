"""Snapshots as stored: zstd over the state's canonical bytes, with a digest, each checked on reading."""

from __future__ import annotations

import hashlib
from typing import Any

import zstandard

from domain.configuration import STATE_VERSION
from domain.errors import CorruptHistory
from domain.ports import Snapshot
from domain.state import World

_LEVEL = 1
_MAX_BYTES = 1 << 32


def encode_snapshot(state_bytes: bytes) -> bytes:
    """Return the bytes to store."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(state_bytes)


def digest_of(data: bytes) -> bytes:
    """Return the SHA-256 of stored bytes."""
    return hashlib.sha256(data).digest()


def decode_snapshot(row: Any) -> Snapshot:
    """Return the snapshot of a row of `snapshots`, with its problem if it can't be used.

    Checked: the digest of the bytes, the state's own form, its tick, and that its hash is the recorded
    one. The caller compares that with the header.
    """

    def bad(problem: str) -> Snapshot:
        return Snapshot(row.tick, bytes(row.state_hash), None, problem)

    data = bytes(row.data)
    if row.state_version != STATE_VERSION:
        return bad(f"it is of state version {row.state_version}, this release reads {STATE_VERSION}")
    if digest_of(data) != bytes(row.digest):
        return bad("its bytes don't have the recorded digest")
    try:
        world = World.from_bytes(zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_BYTES))
    except (zstandard.ZstdError, CorruptHistory) as error:
        return bad(f"it can't be read: {error}")
    if world.tick != row.tick:
        return bad(f"it holds tick {world.tick}")
    if world.state_hash != bytes(row.state_hash):
        return bad("its state does not have the recorded hash")
    return Snapshot(row.tick, bytes(row.state_hash), world)
