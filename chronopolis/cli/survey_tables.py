"""Tables of surveys, which fit a terminal: where there is little room they stand closer, or have a row a choice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from chronopolis.cli.output import plain

if TYPE_CHECKING:
    import polars as pl

    from chronopolis.survey import Tally

_BAR, _ACROSS = 24, 90
"""Characters of the longest bar, and of all choices that may stand beside each other."""
_LINE_MIN, _WORD_MIN = 40, 6
"""Characters of a line of words that can be read well, and those of one that can hardly: if nothing else makes room."""


def counts(tally: Tally, *, of: str, width: int) -> Any:
    """Return how many took each choice, a bar each; `of` says what is counted, `width` is that of the terminal."""
    bar = max(_BAR // 4, min(_BAR, (width - 50) // 2))
    most = max(1, *tally.counts.values())
    table = _Table("answer", f"{of}>", "%>", "95 % interval>", "")
    for choice, count in tally.counts.items():
        share = 100 * count / max(1, tally.answered)
        ends = [f"{100 * end:.0f}" for end in tally.intervals.get(choice, ())]
        table.add(choice, f"{count:,}", f"{share:.1f}", " to ".join(ends), "█" * round(bar * count / most))
    if tally.mean is not None:
        sd = "" if tally.sd is None else two_decimals(tally.sd)
        beside = f"standard deviation {sd}" if sd and bar == _BAR else ""
        table.end_section()
        table.add("median", f"{tally.median:g}", "", "", "")
        table.add("mean", two_decimals(tally.mean), "", "", beside)
        if sd and not beside:
            table.add("standard deviation", sd, "", "", "")
    return table.drawn(width)


def by_group(column: str, counted: list[Tally], *, width: int) -> Any:
    """Return the shares that took each choice, a row a group; or a row a choice, a column a group."""
    scale = any(tally.mean is not None for tally in counted)
    choices = list(counted[0].counts)
    table = _Table(column, "answered>", *_titles(choices), *(["mean>"] if scale else []))
    for tally in counted:
        table.add(tally.group, _answered(tally), *_shares(tally), *([_mean(tally)] if scale else []))
    if not _too_many(choices) and table.fits(width):
        return table.drawn(width)
    turned = _Table(f"{column}:", *(f"{tally.group}>" for tally in counted))
    turned.add("answered", *(_answered(tally) for tally in counted))
    for at, choice in enumerate(choices):
        turned.add(f"{choice} %", *(_shares(tally)[at] for tally in counted))
    if scale:
        turned.add("mean", *(_mean(tally) for tally in counted))
    return turned.drawn(width)


def by_wave(column: str | None, counted: list[Tally], *, width: int) -> Any:
    """Return the shares that took each choice, a row a wave, and within it a row a group; or a row a choice as well."""
    scale = any(tally.mean is not None for tally in counted)
    agree = any(tally.agreement is not None for tally in counted)
    choices = list(counted[0].counts)
    by = [column] if column else []
    table = _Table(
        "tick>", *by, "answered>", *_titles(choices), *(["mean>"] if scale else []), *(["agreement>"] if agree else [])
    )
    below = _Table("tick>", *by, "answer", "figure>")
    tick = None
    for tally in counted:
        is_next = tally.tick != tick
        if is_next and column:
            table.end_section()
        below.end_section()
        group = [tally.group] if column else []
        tick = tally.tick
        figures = [*([_mean(tally)] if scale else []), *([_agreement(tally)] if agree else [])]
        table.add(f"{tick:,}" if is_next else "", *group, _answered(tally), *_shares(tally), *figures)
        labels = [
            "answered",
            *(f"{choice} %" for choice in choices),
            *(["mean"] if scale else []),
            *(["agreement"] if agree else []),
        ]
        for at, (label, figure) in enumerate(zip(labels, [_answered(tally), *_shares(tally), *figures], strict=True)):
            head = [f"{tick:,}" if is_next else "", *group] if at == 0 else ["", *([""] if column else [])]
            below.add(*head, label, figure)
    return table.drawn(width) if not _too_many(choices) and table.fits(width) else below.drawn(width)


def words(frame: pl.DataFrame, *, width: int) -> Any:
    """Return what each said in its own words, or why it took what it took; by tick, agent and draw."""
    reasons = bool(frame["because"].drop_nulls().len())
    again = bool((frame["draw"] > 1).any())
    waves = frame["tick"].n_unique() > 1
    table = _Table(
        *(["tick>"] if waves else []), "agent>", "name", "occupation", *(["draw>"] if again else []), "answer",
        *(["because"] if reasons else []),
    )  # fmt: skip
    for row in frame.sort("tick", "agent", "draw", maintain_order=True).iter_rows(named=True):
        said = row["answer"] if row["problem"] is None else f"({row['problem']})"
        tick = [f"{row['tick']:,}"] if waves else []
        draw = [str(row["draw"])] if again else []
        because = [row["because"] or ""] if reasons else []
        table.add(*tick, str(row["agent"]), row["name"], row["occupation"], *draw, said, *because)
    return table.drawn(width)


def two_decimals(number: float) -> str:
    """Return a number with two decimals; what is nearly 0 has no sign."""
    return f"{round(number, 2) + 0.0:.2f}"


def _answered(tally: Tally) -> str:
    """Return how many answered, and of how many where some did not."""
    return f"{tally.answered:,}" + ("" if tally.answered == tally.asked else f" of {tally.asked:,}")


def _titles(choices: Iterable[str]) -> list[str]:
    return [f"{choice} %>" for choice in choices]


def _too_many(choices: Iterable[str]) -> bool:
    return sum(len(choice) + 4 for choice in choices) > _ACROSS


def _shares(tally: Tally) -> list[str]:
    return [f"{100 * count / max(1, tally.answered):.0f}" for count in tally.counts.values()]


def _mean(tally: Tally) -> str:
    return "" if tally.mean is None else two_decimals(tally.mean)


def _agreement(tally: Tally) -> str:
    return "" if tally.agreement is None else two_decimals(tally.agreement)


class _Table:
    """Rows below titles; one that ends with ">" has numbers below it, an empty one a bar that is never folded."""

    def __init__(self, *titles: str) -> None:
        self._titles = [title.removesuffix(">") for title in titles]
        self._is_number = [title.endswith(">") for title in titles]
        self._rows: list[Sequence[str]] = []
        self._ends = set[int]()

    def add(self, *cells: str) -> None:
        self._rows.append(cells)

    def end_section(self) -> None:
        self._ends.add(len(self._rows) - 1)

    def fits(self, width: int) -> bool:
        """Whether there is room for it, no word and no number in two."""
        return sum(self._widths("whole words")) <= self._room(width)

    def drawn(self, width: int) -> Any:
        """Return it as rich has it: at ease where there is room, else closer, else with words in two."""
        from rich import box
        from rich.table import Table

        padding, widths = self._layout(width)
        table = Table(box=box.SIMPLE_HEAD, padding=(0, padding))
        for at, title in enumerate(self._titles):
            justify: Literal["left", "right"] = "right" if self._is_number[at] else "left"
            # Where there is no room all is still told, below each other; but a bar that was wrapped would be two.
            table.add_column(
                plain(title), justify=justify, overflow="fold", no_wrap=not title, width=widths[at] if widths else None
            )
        for at, row in enumerate(self._rows):
            table.add_row(*map(plain, row), end_section=at in self._ends and at < len(self._rows) - 1)
        return table

    def _layout(self, width: int) -> tuple[int, list[int] | None]:
        """Return the blanks beside each cell, and the width of each column; None where nothing fits."""
        for padding, wish in ((1, "lines"), (0, "whole words"), (0, "whole numbers")):
            least, room = self._widths(wish), self._room(width, padding)
            if sum(least) <= room:
                return padding, _shared(self._widths("all"), least, room)
        return 0, None

    def _widths(self, wish: str) -> list[int]:
        """Return how wide each column must be: for all that it says, lines that can be read, whole words or numbers."""
        found = []
        for texts, is_number, title in zip(self._columns(), self._is_number, self._titles, strict=True):
            widest = max(map(_cells, texts))
            shown = texts[1:] if wish == "whole numbers" and is_number else texts
            word = max((_cells(word) for text in shown for word in text.split()), default=1)
            if wish == "all" or (wish == "lines" and (is_number or not title)):
                found.append(widest)
            elif wish == "lines":
                found.append(max(word, min(widest, _LINE_MIN)))
            else:
                found.append(min(word, _WORD_MIN) if wish == "whole numbers" and title and not is_number else word)
        return found

    def _columns(self) -> list[list[str]]:
        return [[title, *(row[at] for row in self._rows)] for at, title in enumerate(self._titles)]

    def _room(self, width: int, padding: int = 0) -> int:
        return width - (1 + 2 * padding) * len(self._titles) - 1


def _shared(widths: list[int], least: list[int], room: int) -> list[int]:
    """Return widths that fit: the widest column that can is made narrower, again and again."""
    while sum(widths) > room:
        at = max(range(len(widths)), key=lambda at: (widths[at] > least[at]) * widths[at])
        widths = [*widths[:at], widths[at] - 1, *widths[at + 1 :]]
    return widths


def _cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    from rich.cells import cell_len

    return cell_len(text)


__all__ = ["by_group", "by_wave", "counts", "two_decimals", "words"]
