"""The pictures of the cookbook: one a question, drawn from nothing but the rows of its answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

Drawn = Callable[[Any, pl.DataFrame], None]


def draw(name: str, rows: pl.DataFrame, file: Path) -> None:
    """Draw the answer to a question; equal rows give equal bytes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.2, 3.6))
    axis.grid(alpha=0.3)
    axis.set_axisbelow(True)
    _PICTURES[name](axis, rows)
    figure.tight_layout()
    figure.savefig(file, dpi=100, metadata={"Software": None})
    plt.close(figure)


def _inequality(axis: Any, rows: pl.DataFrame) -> None:
    axis.plot(rows["tick"], rows["gini"], marker="o")
    axis.set(xlabel="tick", ylabel="Gini of coins (–)", ylim=(0, 1))


def _heat(across: str, down: str, value: str) -> Drawn:
    """Return what draws a table of two words and a number as squares."""

    def drawn(axis: Any, rows: pl.DataFrame) -> None:
        xs, ys = sorted(rows[across].unique().to_list()), sorted(rows[down].unique().to_list())
        grid = np.full((len(ys), len(xs)), np.nan)
        for row in rows.iter_rows(named=True):
            grid[ys.index(row[down]), xs.index(row[across])] = row[value]
        shown = axis.imshow(grid, cmap="viridis", aspect="auto")
        axis.set_xticks(range(len(xs)), xs, rotation=20, ha="right")
        axis.set_yticks(range(len(ys)), ys)
        axis.set(xlabel=across.replace("_", " "), ylabel=down.replace("_", " "))
        axis.grid(visible=False)
        axis.figure.colorbar(shown, ax=axis, label=value.replace("_", " "))

    return drawn


def _price(axis: Any, rows: pl.DataFrame) -> None:
    axis.fill_between(rows["tick"], rows["lowest"], rows["highest"], alpha=0.2)
    axis.plot(rows["tick"], rows["price"], marker="o")
    axis.set(xlabel="tick", ylabel="coins for a unit of food")


def _deaths(axis: Any, rows: pl.DataFrame) -> None:
    ages = sorted(rows["age_from"].unique().to_list())
    below = np.zeros(len(ages))
    for because in sorted(rows["because"].unique().to_list()):
        found = dict(rows.filter(pl.col("because") == because).select("age_from", "deaths").iter_rows())
        counts = np.array([found.get(age, 0) for age in ages])
        axis.bar(ages, counts, width=80, align="edge", bottom=below, label=because.replace("_", " "))
        below += counts
    axis.set(xlabel="age (ticks)", ylabel="deaths")
    axis.legend()


def _rumour(axis: Any, rows: pl.DataFrame) -> None:
    names = list(dict.fromkeys(rows["heard_by"].to_list()))
    heard: dict[str, int] = {}
    for row in rows.sort("tick", "mouths").iter_rows(named=True):
        heard.setdefault(row["heard_by"], row["tick"])
    for row in rows.iter_rows(named=True):
        y, teller = names.index(row["heard_by"]), row["told_by"]
        if teller in heard:
            axis.annotate(
                "", (row["tick"], y), (row["tick"], names.index(teller)), arrowprops={"arrowstyle": "->", "alpha": 0.6}
            )
        axis.plot(row["tick"], y, "o", color="tab:blue" if teller else "tab:red")
    axis.set_yticks(range(len(names)), names, fontsize=7)
    axis.set(xlabel="tick")


def _conversation(axis: Any, rows: pl.DataFrame) -> None:
    speakers = list(dict.fromkeys(rows["speaker"].to_list()))
    for row in rows.iter_rows(named=True):
        side = speakers.index(row["speaker"]) if row["speaker"] in speakers[:2] else 0
        axis.text(side, -row["turn"], row["text"], ha="left" if side == 0 else "right", va="center", fontsize=7.5,
                  bbox={"boxstyle": "round", "alpha": 0.15, "color": f"C{side}"})  # fmt: skip
    axis.set(xlim=(-0.02, 1.02), ylim=(-rows.height - 0.8, -0.2), yticks=[])
    axis.set_xticks([0, 1][: len(speakers)], speakers[:2])
    axis.grid(visible=False)


def _places(axis: Any, rows: pl.DataFrame) -> None:
    x = rows["x"] + (rows["y"] % 2) * 0.5  # odd rows of hexes lie half a cell to the right
    shown = axis.scatter(x, rows["y"] * 0.866, c=rows["steps"], s=70, marker="h", cmap="inferno_r")
    axis.set(xlabel="x", ylabel="y", aspect="equal")
    axis.invert_yaxis()
    axis.figure.colorbar(shown, ax=axis, label="steps onto the cell")


def _skills(axis: Any, rows: pl.DataFrame) -> None:
    for occupation in sorted(rows["occupation"].unique().to_list()):
        of = rows.filter(pl.col("occupation") == occupation)
        axis.plot(of["age_from"], of["level"], marker="o", label=occupation)
    axis.set(xlabel="age (ticks)", ylabel="mean level (thousandths)")
    axis.legend()


def _thoughts(axis: Any, rows: pl.DataFrame) -> None:
    names = [f"{r['reason']}, {r['outcome']}" for r in rows.iter_rows(named=True)]
    axis.barh(names, rows["thoughts"])
    axis.set(xlabel="thoughts")
    axis.invert_yaxis()


def _paces(axis: Any, rows: pl.DataFrame) -> None:
    axis.bar([pace[2:] for pace in rows["pace"]], rows["age"])
    axis.set(xlabel="thoughts in 100 ticks of life", ylabel="mean age at death (ticks)")


def _households(axis: Any, rows: pl.DataFrame) -> None:
    names = [f"{r['founded_by']}'s" for r in rows.iter_rows(named=True)]
    axis.barh(names, rows["coins"], height=0.7, label="coins of the living")
    axis.barh(names, rows["coins_inherited"], height=0.3, label="left to them by others")
    axis.tick_params(axis="y", labelsize=7)
    axis.set(xlabel="coins")
    axis.invert_yaxis()
    axis.legend()


def _friendships(axis: Any, rows: pl.DataFrame) -> None:
    names = [f"{r['one']} – {r['other']}" for r in rows.iter_rows(named=True)]
    axis.barh(names, rows["ticks"], left=rows["met"], color=[f"C{min(9, s // 100)}" for s in rows["strength"]])
    axis.tick_params(axis="y", labelsize=7)
    axis.set(xlabel="tick, from meeting to the last thing that strengthened the tie")
    axis.invert_yaxis()


def _famine(axis: Any, rows: pl.DataFrame) -> None:
    axis.bar(rows["tick"] - 50, rows["died_of_hunger"], width=80, color="tab:red", alpha=0.4, label="died of hunger")
    axis.set(xlabel="tick", ylabel="deaths in 100 ticks")
    other = axis.twinx()
    other.plot(rows["tick"], rows["starving"] * 100, marker="o", color="tab:blue")
    other.set(ylabel="of the living starving (%)", ylim=(0, 100))
    axis.legend(loc="upper left")


def _memories(axis: Any, rows: pl.DataFrame) -> None:
    axis.bar(rows["memory_kind"], rows["formed"], label="formed")
    axis.bar(rows["memory_kind"], rows["forgotten"], width=0.5, label="of them forgotten")
    axis.set(ylabel="memories")
    axis.legend()


_PICTURES: dict[str, Drawn] = {
    "01-inequality": _inequality,
    "02-who-trades-with-whom": _heat("partner", "proposed_by", "exchanges"),
    "03-price-of-food": _price,
    "04-what-people-die-of": _deaths,
    "05-spread-of-a-rumour": _rumour,
    "06-a-conversation": _conversation,
    "07-busiest-places": _places,
    "08-migration": _heat("towards", "out_of", "steps"),
    "09-skill-by-occupation": _skills,
    "10-thoughts": _thoughts,
    "11-what-minds-changed": _heat("mind_chose", "rules_would", "times"),
    "12-thinking-and-living": _paces,
    "13-households": _households,
    "14-friendships": _friendships,
    "15-famine": _famine,
    "16-memories": _memories,
}
