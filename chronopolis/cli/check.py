"""A check of `polis doctor`: what was looked at, and how a person sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, how it stands (ok, warn or fail), what was found, and what to do."""

    name: str
    status: str
    found: str
    remedy: str = ""

    def line(self) -> Text:
        """Return it as a terminal shows it."""
        from rich.text import Text

        mark, style = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "bold red")}[self.status]
        line = Text.assemble((mark, style), "  ", (f"{self.name:<13}", "bold"), self.found)
        if self.remedy:
            line.append(f"\n{'':<19}{self.remedy}", "dim")
        return line
