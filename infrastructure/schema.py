"""The tables as SQLAlchemy knows them, for queries. Their author is `migrations/`; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from domain.columns import AREAS

metadata = MetaData(schema="polis")

runs = Table(
    "runs", metadata,
    Column("run", Integer, primary_key=True),
    Column("name", Text),
    Column("seed", BigInteger),
    Column("configuration", Text),
    Column("genesis_hash", LargeBinary),
    Column("rules_version", Integer),
    Column("state_version", Integer),
    Column("hashing_version", Integer),
    Column("parent", Integer),
    Column("fork_tick", Integer),
    Column("engines", JSONB),
    Column("release", Text),
    Column("created_at", DateTime(timezone=True)),
)  # fmt: skip

leases = Table(
    "leases", metadata,
    Column("run", Integer, primary_key=True),
    Column("epoch", Integer),
    Column("status", Text),
    Column("target", Integer),
    Column("holder", Text),
    Column("backend", Integer),
    Column("problem", Text),
    Column("updated_at", DateTime(timezone=True)),
)  # fmt: skip

ticks = Table(
    "ticks", metadata,
    Column("run", Integer, primary_key=True),
    Column("tick", Integer, primary_key=True),
    Column("events", Integer),
    Column("catalogue", SmallInteger),
    Column("events_hash", LargeBinary),
    Column("state_hash", LargeBinary),
    Column("chain_hash", LargeBinary),
    *(Column(f"area_{area}", BigInteger) for area in AREAS),
)  # fmt: skip

stretches = Table(
    "stretches", metadata,
    Column("run", Integer, primary_key=True),
    Column("tick_first", Integer, primary_key=True),
    Column("tick_end", Integer),
    Column("leaf", Text),
    Column("closed", Boolean),
)  # fmt: skip

inputs = Table(
    "inputs", metadata,
    Column("run", Integer, primary_key=True),
    Column("asked_tick", Integer, primary_key=True),
    Column("agent", Integer, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("call", Integer, primary_key=True),
    Column("effect_tick", Integer),
    Column("answer", LargeBinary),
    Column("digest", LargeBinary),
    Column("asked_chain", LargeBinary),
    Column("engine", Text),
    Column("latency_ms", Integer),
    Column("tokens_in", Integer),
    Column("tokens_out", Integer),
    Column("attempts", Integer),
    Column("retrieved", JSONB),
    Column("recorded_at", DateTime(timezone=True)),
    Column("prompt", LargeBinary),
    Column("raw", LargeBinary),
    Column("template", Text),
    Column("adapter", Text),
    Column("reused_from", Integer),
)  # fmt: skip

texts = Table(
    "texts", metadata,
    Column("run", Integer, primary_key=True),
    Column("hash", LargeBinary, primary_key=True),
    Column("body", Text),
)  # fmt: skip

late_inputs = Table(
    "late_inputs", metadata,
    Column("run", Integer),
    Column("asked_tick", Integer),
    Column("agent", Integer),
    Column("purpose", Text),
    Column("call", Integer),
    Column("recorded_at", DateTime(timezone=True)),
)  # fmt: skip

snapshots = Table(
    "snapshots", metadata,
    Column("run", Integer, primary_key=True),
    Column("tick", Integer, primary_key=True),
    Column("state_version", Integer),
    Column("state_hash", LargeBinary),
    Column("digest", LargeBinary),
    Column("data", LargeBinary),
)  # fmt: skip

measure_blocks = Table(
    "measure_blocks", metadata,
    Column("source", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("tick_first", Integer, primary_key=True),
    Column("version", Integer),
    Column("amounts", ARRAY(Double)),
)  # fmt: skip

pause_requests = Table(
    "pause_requests", metadata,
    Column("run", Integer, primary_key=True),
    Column("epoch", Integer),
    Column("tick", Integer),
    Column("because", Text),
    Column("asked_at", DateTime(timezone=True)),
)  # fmt: skip
