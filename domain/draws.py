"""Randomness as a pure function: the same arguments give the same number, always and anywhere.

The generator is Philox4x32-10 [1]_, a counter-based one: its "state" is its argument. The key
holds seed and stream; the counter holds who draws (64 bits), the tick and the index. So neither
the order of agents, nor batches, threads, pauses or machines can change a draw.

References
----------
.. [1] Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3, SC '11.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from domain._jit import inline, kernel

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


@inline
def philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Ten rounds of Philox4x32 on uint64 scalars that hold 32 bits each."""
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@inline
def draw_one(key, stream_key, tick, index):  # type: ignore[no-untyped-def]
    """One uint64 for one agent, inside a kernel; `stream_key` comes from `stream_key()`."""
    k = np.uint64(key)
    s = np.uint64(stream_key)
    a, b, _, _ = philox(k & _LOW, k >> _32, np.uint64(tick) & _LOW, np.uint64(index) & _LOW, s & _LOW, s >> _32)
    return (a << _32) | b


@inline
def below(drawn, bound):  # type: ignore[no-untyped-def]
    """Map a draw to 0 … bound-1 by its high 32 bits (bias under bound / 2**32)."""
    return np.int64(((drawn >> _32) * np.uint64(bound)) >> _32)


@inline
def sort_by_draw(rows, n, draws, starts, out):  # type: ignore[no-untyped-def]
    """Write the first n of `rows` to `out` so that `draws[row]` rises; of equal draws the first stays first.

    Draws are spread evenly, so that of as many buckets by their high bits each gets about one, and an
    insertion sort has little left to do: linear time, and a quarter of what a general sort takes.
    `starts` is scratch for where each bucket starts, int64, with room for 2 n + 3.
    """
    bits = 1
    while 1 << bits < n:
        bits += 1
    shift = np.uint64(64 - bits)
    for b in range((1 << bits) + 1):
        starts[b] = 0
    for k in range(n):
        starts[np.int64(draws[rows[k]] >> shift) + 1] += 1
    for b in range(1 << bits):
        starts[b + 1] += starts[b]
    for k in range(n):
        bucket = np.int64(draws[rows[k]] >> shift)
        out[starts[bucket]] = rows[k]
        starts[bucket] += 1
    for k in range(1, n):
        row, at = out[k], k
        while at > 0 and draws[out[at - 1]] > draws[row]:
            out[at] = out[at - 1]
            at -= 1
        out[at] = row


@kernel
def _draw_all(keys, stream, tick, indices, out):  # type: ignore[no-untyped-def]
    for k in range(indices.shape[0]):
        for i in range(keys.shape[0]):
            out[k, i] = draw_one(keys[i], stream, tick, indices[k])


def stream_key(seed: int, stream: str) -> np.uint64:
    """Return the 64-bit Philox key of a named stream: SHA-256 over seed and name, cut to 8 bytes."""
    text = f"{seed}:{stream}".encode()
    return np.uint64(int.from_bytes(hashlib.sha256(text).digest()[:8], "little"))


def draw(keys: NDArray[np.generic], *, seed: int, stream: str, tick: int, index: int = 0) -> NDArray[np.uint64]:
    """Return one uint64 per key, from its arguments alone: neither order nor batch size can change it.

    Parameters
    ----------
    keys : ndarray of integers, shape (n,), non-negative: usually agent or cell ids
    seed : int, the run's seed
    stream : str, what the number is for; each use has its own
    tick : int, in [0, 2**32)
    index : int, tells apart several draws of one key in one tick

    Returns
    -------
    ndarray of uint64, shape (n,)
    """
    drawn: NDArray[np.uint64] = draws(keys, seed=seed, stream=stream, tick=tick, indices=np.array([index]))[0]
    return drawn


def draws(
    keys: NDArray[np.generic], *, seed: int, stream: str, tick: int, indices: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Return what `draw` does for each of several indices, in one call: shape (len(indices), n)."""
    out = np.empty((len(indices), len(keys)), np.uint64)
    _draw_all(np.ascontiguousarray(keys, np.uint64), stream_key(seed, stream), tick, indices, out)
    return out
