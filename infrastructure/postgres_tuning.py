"""Server settings for one writer that appends, many rows a second, and must be back soon after a crash.

They are written anew at every start, so a newer release brings its own. `ALTER SYSTEM SET …` outranks
them, since Postgres reads postgresql.auto.conf last: that is how a person overrides one for good.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import psutil

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30
BUFFERS_FLOOR = 64 * MB
WAL_FLOOR = 128 * MB

TUNED: Mapping[str, str] = MappingProxyType(
    {
        # Durable means durable.
        "fsync": "on",  # a commit that was reported survives a power cut
        "synchronous_commit": "on",  # runs that ask for less say so in their own session
        "full_page_writes": "on",  # home folders lie on disks that tear pages
        # Memory.
        "shared_buffers": "1GB",  # holds the hot end of history; at most a quarter of the memory
        "huge_pages": "try",  # fewer page-table misses where the machine has them to give
        "work_mem": "16MB",  # analytics sort in memory; a hundred connections still fit
        "maintenance_work_mem": "256MB",  # an index of a closed stretch is sorted in it, by two processes that share it
        # WAL. Recovery replays at most max_wal_size. Measured: 9 s for 1.6 GB into a table with a b-tree, and 3 s
        # for the checkpoint at its end. Resuming a killed run may take 15 s in all, so 2 GB, and not the 16 GB
        # that a trial without crashes likes.
        "max_wal_size": "2GB",
        "min_wal_size": "1GB",  # segments are recycled: a new one costs 16 MB of zeros within somebody's tick
        "wal_buffers": "64MB",  # a tick's COPY fits, so no backend waits for the WAL writer
        "wal_compression": "lz4",  # cheap page images after a checkpoint; off where the build has no lz4
        "wal_level": "replica",  # minimal throws each full segment out of the kernel's cache, 1.4 ms of somebody's tick
        "max_wal_senders": "0",  # an embedded server has no replicas all the same
        "max_logical_replication_workers": "0",  # nor anything to subscribe to
        # Checkpoints: seldom, and spread out.
        "checkpoint_timeout": "30min",  # the size of the WAL decides, not the clock
        "checkpoint_completion_target": "0.9",  # pages trickle out between ticks
        "checkpoint_flush_after": "256kB",  # in small helpings, so the final fsync stalls nobody
        "backend_flush_after": "0",  # the tick's own backend never waits for write-back
        "bgwriter_delay": "100ms",  # cleans ahead of the writer, …
        "bgwriter_lru_maxpages": "1000",  # … fast enough for 80 MB/s, …
        "bgwriter_lru_multiplier": "4.0",  # … so a backend seldom has to evict a dirty page itself
        # Vacuum: history only grows, so there is nothing to reclaim, and freezing it mid-run costs ticks.
        "autovacuum": "on",  # for the mutable tables, statistics, and wraparound
        "autovacuum_vacuum_insert_threshold": "50000000",  # ten minutes of 2,500 agents, not every 1,000 rows
        "autovacuum_max_workers": "2",  # two cores are common
        # Reading.
        "synchronize_seqscans": "off",  # readers rely on physical order being insertion order, …
        "max_parallel_workers_per_gather": "0",  # … which parallel scans break; ticks need the other core
        "max_parallel_maintenance_workers": "1",  # an index build is two processes: its leader, and this one
        "jit": "off",  # compiling costs more than our short queries take
        "random_page_cost": "1.1",  # solid-state disks
        "track_io_timing": "off",  # two clock readings a page
        # Connections.
        "max_connections": "100",  # workers, readers and notebooks of one machine
        # A query over many partitions locks each, and each index; a restore all of them: 256 take some 1,700 runs.
        "max_locks_per_transaction": "1024",
        # Time and logs.
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_checkpoints": "off",  # the log says what went wrong, and nothing else
        "log_min_duration_statement": "-1",
        "log_autovacuum_min_duration": "-1",
        "log_min_error_statement": "panic",  # statements carry what agents said: not for a log
    }
)


def fit_to_machine(
    settings: Mapping[str, str], *, memory_bytes: int, disk_free_bytes: int, build_flags: str
) -> dict[str, str]:
    """Return `settings` with what this machine or build can't carry made smaller.

    Parameters
    ----------
    settings : mapping of str to str
        As in postgresql.conf.
    memory_bytes : int
        What the machine, or our share of it, has; a quarter may become shared buffers.
    disk_free_bytes : int
        A quarter may become WAL.
    build_flags : str
        What ``pg_config --configure`` prints.

    Returns
    -------
    dict, new
    """
    fitted = dict(settings)
    limits = {
        "shared_buffers": max(memory_bytes // 4, BUFFERS_FLOOR),
        "max_wal_size": max(disk_free_bytes // 4, WAL_FLOOR),
        "min_wal_size": max(disk_free_bytes // 12, WAL_FLOOR),  # a third of the maximum
    }
    for name, limit in limits.items():
        if name in fitted and size_bytes(fitted[name]) > limit:
            fitted[name] = f"{limit // MB}MB"
    compression = fitted.get("wal_compression")
    if compression in ("lz4", "zstd") and f"--with-{compression}" not in build_flags:
        fitted["wal_compression"] = "off"  # not pglz, the only other: it compresses within the tick, slowly
    return fitted


def as_conf(settings: Mapping[str, str]) -> str:
    """Return the text of a configuration file."""
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()]
    head = "# Written by polis at every start. To override one for good: ALTER SYSTEM SET name = value;"
    return "\n".join([head, *lines, ""])


def size_bytes(text: str) -> int:
    """Return the bytes in a size such as ``512MB``; like Postgres, take kB, MB, GB and TB to be binary.

    Raises
    ------
    ValueError
        If there is no unit: what a bare number means differs from one setting to the next.
    """
    found = re.fullmatch(r"\s*(\d+)\s*(kB|MB|GB|TB)\s*", text)
    if found is None:
        raise ValueError(f"{text!r} is not a size: write a whole number with kB, MB, GB or TB, such as 512MB")
    return int(found[1]) * {"kB": KB, "MB": MB, "GB": GB, "TB": 1 << 40}[found[2]]


def machine_memory_bytes() -> int:
    """Return the memory of the machine, or of the container that we are in where that is less."""
    total = int(psutil.virtual_memory().total)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total
