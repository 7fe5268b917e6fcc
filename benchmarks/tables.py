"""Tables in Markdown: one a benchmark, from the results as they stand in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return "\n".join(lines + [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]) + "\n"


def _pace(row: dict[str, Any]) -> str:
    return "flat out" if row["pace_ms"] is None else f"{row['pace_ms']:g} ms"


def ticks(result: Any) -> str:
    """Return the percentiles of ticks, and where their time goes."""
    windows = result["windows"]
    rows, shares = [], []
    for w in windows:
        ms, inside = w["tick_ms"], w["tick_ms_in_checkpoint"]
        what = [f"{w['agents']:,}", w["durability"], _pace(w)]
        rows.append([
            *what, f"{ms['n']:,}", *(f"{ms[p]:.2f}" for p in ("p50", "p99", "p99.9", "max")),
            f"{inside['p99']:.2f}" if inside["n"] else "–", f"{w['checkpoint'].get('seconds', 0):.1f}", w["snapshots"],
            f"{w['ticks_per_s']:,.0f}", f"{w['events_per_s'] / 1e6:.2f}M",
        ])  # fmt: skip
        shares.append([*what, *(f"{100 * part:.0f} %" for part in w["share"].values())])
    head = ["agents", "durability", "pace", "ticks", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "p99 ms in CHECKPOINT",
            "CHECKPOINT s", "snapshots", "ticks/s", "events/s"]  # fmt: skip
    vacuum = result["autovacuum"]
    return (
        table(head, rows)
        + f"\nAutovacuum: {vacuum['setting']} ({vacuum['vacuums']} vacuums, {vacuum['analyzes']} analyzes meanwhile). "
        "Where the runner's tick time goes (in mode `group` commits go on beside it, so rows may exceed 100 %):\n\n"
        + table(["agents", "durability", "pace", *windows[0]["share"]], shares)
        + _floors(result.get("floors", []))
    )


def _floors(floors: list[Any]) -> str:
    if not floors:
        return ""
    rows = [[f"{f['agents']:,}", *(f"{f['commit_ms'][p]:.2f}" for p in ("p50", "p99", "max"))] for f in floors]
    return "\nThe floor, a bare COPY of the same rows, synced, at 10 ms:\n\n" + table(
        ["agents", "p50 ms", "p99 ms", "max ms"], rows
    )


def throughput(result: Any) -> str:
    """Return the ratio and both absolute figures of each size."""
    rows = [
        [
            f"{r['agents']:,}", f"{r['ratio']['median']:.2f}", " ".join(f"{v:.2f}" for v in r["ratio"]["all"]),
            f"{r['events_per_s']['median'] / 1e6:.2f}M", f"{r['raw_copy_events_per_s']['median'] / 1e6:.2f}M",
            f"{r['bare_copy_events_per_s']['median'] / 1e6:.2f}M", f"{r['bare_ratio']['median']:.2f}",
            f"{r['events_a_commit']:,.0f}", r["bytes_an_event_sent"],
        ]
        for r in result["sizes"]
    ]  # fmt: skip
    head = [
        "agents",
        "ratio",
        "each turn",
        "durable events/s",
        "raw COPY events/s",
        "without indexes",
        "ratio to that",
        "events a commit",
        "bytes an event",
    ]
    return table(head, rows)


def scaling(result: Any) -> str:
    """Return nanoseconds an agent-tick."""

    def on_two(row: Any) -> str:
        measured = row.get("on_two_threads_ns")
        return f"{measured['median']:,.0f}" if measured else "–"

    stages = ("decide", "fold", "hash", "encode")
    rows = [
        [f"{r['agents']:,}", f"{r['cells']:,}", *(f"{r['ns'][s]:,.0f}" for s in stages),
         f"{r['all_ns']['median']:,.0f}", on_two(r), f"{r['durable_ns']['median']:,.0f}", r["events_an_agent_tick"],
         f"{r['founding_s']:.1f}"]
        for r in result["sizes"]
    ]  # fmt: skip
    head = ["agents", "cells", *(f"{s} ns" for s in stages), "together ns", "on two threads ns",
            "durable, group ns", "events an agent-tick",
            "tick 0 s"]  # fmt: skip
    about = (
        f"{result['cells_an_agent']} cells an agent in every world. Ticks {result['first_tick'] + 1} to "
        f"{result['last_tick']} without a database, the ticks after {result['first_tick']} of one durable run.\n\n"
    )
    return about + table(head, rows)


def replaying(result: Any) -> str:
    """Return events a second of each way through a run."""
    names = {"first_read": "read, first time", "read_libpq": "read, libpq", "read_adbc": "read, ADBC",
             "fold": "fold alone", "verify": "verify", "reexecute": "re-execute"}  # fmt: skip
    rows = [[text, f"{result[f'{name}_events_per_s']['median'] / 1e6:.2f}M"] for name, text in names.items()]
    ms = result["seek_ms"]
    return (
        f"A run of {result['ticks']:,} ticks, {result['agents']} agents, {result['events']:,} events, "
        f"{result['snapshots']} snapshots, {result['bytes_per_event']} bytes an event on disk.\n\n"
        + table(["what", "events/s"], rows)
        + f"\nSeek to {ms['n']} random ticks: p50 {ms['p50']:.1f} ms, p95 {ms['p95']:.1f} ms, max {ms['max']:.1f} ms.\n"
    )


def recovery(result: Any) -> str:
    """Return the times after each kill."""
    rows = [
        [k["durability"], f"{k['ran_s']:g} s", k["wal_to_replay_mb"] or "–", k["server_back_s"],
         k["first_durable_tick_s"], "yes" if k["lost_nothing"] else "NO"]
        for k in result["kills"]
    ]  # fmt: skip
    head = ["durability", "killed after", "WAL to replay MB", "server back s", "first new durable tick s",
            "nothing lost"]  # fmt: skip
    return f"{result['agents']:,} agents flat out; max_wal_size {result['max_wal_size']}.\n\n" + table(head, rows)


def memory(result: Any) -> str:
    """Return peaks and slopes."""
    rows = [
        [f"{r['agents']:,}, {_pace(r)}, {r['seconds'] / 60:.1f} min", f"{r['ticks']:,}",
         f"{r['runner_peak_rss_mb']:,.0f}", f"{r['pss_all_mb_max']:,.0f}",
         f"{r['runner_rss_mb_a_minute']:+.2f}", f"{r['pss_all_mb_a_minute']:+.2f}"]
        for r in result["runs"]
    ]  # fmt: skip
    return table(["run", "ticks", "runner's peak RSS MB", "PSS of all MB", "RSS MB/min", "PSS MB/min"], rows)


def layout(result: Any) -> str:
    """Return the candidates side by side."""

    def rate(value: float | None) -> str:
        return "" if value is None else f"{value / 1e6:.2f}M"

    rows, reads = [], []
    for r in result["candidates"]:
        rows.append([r["name"], rate(r["copy_commit_a_tick"]["median"]), rate(r["copy_commit_50000"]["median"]),
                     r["heap_bytes_an_event"], r["index_bytes_an_event"]])  # fmt: skip
        if read := r["read"]:
            reads.append([r["name"], rate(read["server_alone"]), rate(read.get("libpq")), rate(read["adbc"]),
                          f"{read['libpq_client_us_an_event']:.2f}" if "libpq" in read else "",
                          f"{read['adbc_client_us_an_event']:.2f}"])  # fmt: skip
    asked = result["history"]
    history = [[name, f"{ms['median']:,.1f}"] for name, ms in asked["server_ms"].items()]
    built = [[n, s["median"], result["index_bytes_an_event"].get(n.replace("-", ""), "–")]
             for n, s in result["index_build_s_a_leaf"].items()]  # fmt: skip
    leaves, gone = result["dropping"]["leaves"], result["dropping"]["rows"]
    dropped = [
        ["leaves, DROP TABLE", f"{leaves['events']:,}", f"{leaves['seconds']:.2f}", "–", f"{leaves['mb_before']:,.0f}",
         f"{leaves['mb_after']:,.0f}"],
        ["rows, DELETE of one of two runs", f"{gone['events']:,}", f"{gone['delete_s']:.2f}", f"{gone['vacuum_s']:.2f}",
         f"{gone['mb_before']:,.0f}", f"{gone['mb_after']:,.0f}"],
    ]  # fmt: skip
    return "\n".join((
        f"{result['events']:,} events, {result['events_a_tick']} a tick, of a society of 500. Durable COPY:\n",
        table(["layout", "events/s, commit a tick", "events/s, commit a 50,000", "heap bytes an event",
               "index bytes an event"], rows),
        "Reading all of it, warm:\n",
        table(["layout", "server alone", "to us by libpq", "to us by ADBC", "libpq client µs CPU an event",
               "ADBC client µs CPU an event"], reads),
        f"One agent's history ({asked['agent_events']:,} events), server time, warm; leaves of "
        f"{asked['events_a_leaf']:,} events:\n",
        table(["question", "ms"], history),
        "Indexes of a leaf when it is closed:\n",
        table(["index", "s to build", "bytes an event"], built),
        "Dropping a run:\n",
        table(["how", "events", "s", "VACUUM s", "MB before", "MB after"], dropped),
    ))  # fmt: skip


def copying(result: Any) -> str:
    """Return the time of a COPY by its rows, each way, and what each row costs in the WAL."""
    ways = ("gathered", "one_by_one", "marked")
    rows = [
        [f"{r['rows']:,}", *(f"{r[way]['ms'][q]:.2f}" for way in ways for q in ("p50", "p99")),
         *(f"{r['marked']['ms']['p50'] / r[way]['ms']['p50']:.2f}" for way in ways[:2]),
         *(r[way]["wal_bytes_a_row"] for way in ways)]
        for r in result["sizes"]
    ]  # fmt: skip
    heads = ["rows", "gathered p50 ms", "p99 ms", "one by one p50 ms", "p99 ms", "marked p50 ms", "p99 ms",
             "marked / gathered", "marked / one by one",
             "WAL bytes a row, gathered", "one by one", "marked"]  # fmt: skip
    return table(heads, rows)


def closing(result: Any) -> str:
    """Return each way of indexing, by size; the one that closing takes is marked."""
    rows = [
        [f"{r['agents']:,}", f"{r['pages_a_tick']:,}", f"{way}, taken" if way == r["chosen"] else way,
         f"{of['build_ns_an_event']['median']:,.0f}", of["bytes_an_event"], f"{of['history_ms']['median']:.1f}",
         f"{of['histories_of_20_ms']['median']:.1f}",
         f"{r['agents_events']:,} of {r['events']:,}"]
        for r in result["sizes"] for way, of in r["ways"].items()
    ]  # fmt: skip
    head = [
        "agents",
        "pages a tick",
        "index",
        "ns to build, an event",
        "bytes an event",
        "history ms",
        "of 20 agents ms",
        "events of the first",
    ]
    return table(head, rows)


TABLES = {"ticks": ticks, "throughput": throughput, "scaling": scaling, "replaying": replaying, "recovery": recovery,
          "memory": memory, "endurance": memory, "copying": copying,
          "closing": closing, "layout": layout}  # fmt: skip
