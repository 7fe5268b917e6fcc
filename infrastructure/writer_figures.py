"""What the writer of a run and its housekeeping count."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class WriterFigures:
    """What the writer counted."""

    commits: int = 0
    bytes: int = 0
    reconnections: int = 0
    waited_s: float = 0.0
    snapshots: int = 0
    snapshots_failed: int = 0
    stretches_left: int = 0  # full ones without indexes, when all was last flushed
    problems: list[str] = field(default_factory=list)
