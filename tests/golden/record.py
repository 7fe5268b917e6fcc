"""Record the golden runs: ``python -m tests.golden.record RELEASE``. Done once a release, never again.

There is one of rules alone and one with minds. A file holds every event as stored, every header and the inputs, so that
later releases prove that they still fold that release's history to that release's hashes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import zstandard

from domain.advance import Header, advance, genesis_hash, new_world
from domain.columns import AREAS
from domain.configuration import HASHING_VERSION, RULES_VERSION, STATE_VERSION, Configuration
from domain.decide import Decider
from domain.events import CATALOGUE_VERSION, EVENT_DTYPE, EventBatch
from domain.inputs import Input, InputKey, Inputs
from tests.golden import minded
from tests.support import histories
from tests.support.minds import by_effect

FOLDER = Path(__file__).parent
FIRST_VERSIONS = {"rules": 1, "state": 1, "hashing": 1}
"""Of a run that was recorded before files said so; nor did they hold its inputs, which are `INPUTS`."""
# Short lives and hard times, so that births, deaths, inheritances and gifts are in it.
CONFIGURATION = Configuration(
    agents=60, width=12, height=12, hunger=160, regrowth_percent=5, lifespan=600, adulthood=50, birth_interval=60
)
SEED, TICKS = 11, 250
INPUTS = {
    60: [Input(InputKey(50, 3, "intention"), 60, {"intention": "explore", "goal": 100})],
    75: [
        Input(InputKey(70, agent, "intervention"), 75, {"by": "golden", "why": "to give", "endow": {"food": 18_000}})
        for agent in range(0, 40, 3)
    ],
    80: [
        Input(InputKey(70, 5, "intervention"), 80, {"by": "golden", "why": "to be recorded", "endow": {"food": 9000}})
    ],
    81: [Input(InputKey(70, 6, "intention"), 81, {"refused": "no answer in time"})],
}


Run = tuple[EventBatch, list[Header]]


def run(configuration: Configuration, seed: int, ticks: int, inputs: Mapping[int, Iterable[Input]]) -> Run:
    """Run it with this release's rules; `inputs` are by the tick at which they take effect."""
    world, chain = new_world(configuration), genesis_hash(seed, configuration)
    decider = Decider(seed, configuration)
    batches, headers = [], []
    for tick in range(ticks + 1):
        events, header = advance(world, decider, chain, Inputs(inputs.get(tick, ())))
        chain = header.chain_hash
        batches.append(events)
        headers.append(header)
    return EventBatch.concat(batches), headers


def run_again(about: dict, headers: list[Header]) -> Run:
    """Run a recorded run again, with what it was given then."""
    given = by_effect(Input(InputKey(*key), tick, answer) for key, tick, answer in about.get("inputs", ())) or INPUTS
    return run(Configuration.from_mapping(about["configuration"]), about["seed"], len(headers) - 1, given)


def save(
    path: Path, events: EventBatch, headers: list[Header], *, configuration: Configuration, seed: int,
    inputs: Iterable[Input],
) -> None:  # fmt: skip
    """Write events, headers and inputs, compressed."""
    about = {
        "configuration": json.loads(configuration.canonical()),
        "seed": seed,
        "versions": {"rules": RULES_VERSION, "state": STATE_VERSION, "hashing": HASHING_VERSION},
        "catalogue": CATALOGUE_VERSION,
        "inputs": [[i.key.as_tuple(), i.effect_tick, i.answer] for i in inputs],
        "columns": [[name, EVENT_DTYPE[name].str] for name in EVENT_DTYPE.names or ()],
        "events": len(events),
        "payload_bytes": len(events.payload_bytes),
        "headers": [
            [h.tick, h.events, h.events_hash.hex(), h.state_hash.hex(), h.chain_hash.hex(), [str(a) for a in h.areas]]
            for h in headers
        ],
    }
    head = json.dumps(about).encode()
    body = events.records.tobytes() + events.payload_ends.astype("<i8").tobytes() + events.payload_bytes
    path.write_bytes(zstandard.ZstdCompressor(level=19).compress(len(head).to_bytes(8, "little") + head + body))


def versions_of(about: dict) -> dict[str, int]:
    """Return the versions of rules, state and hashing that a run was recorded with: they are part of its genesis."""
    return about.get("versions", FIRST_VERSIONS)


def recorded_runs(kind: str) -> list[Path]:
    """Return the golden runs of a kind, by their release: 0.10.0 comes after 0.9.0."""
    return sorted(FOLDER.glob(f"{kind}*.zst"), key=lambda path: [int(n) for n in re.findall(r"\d+", path.stem)])


def load(path: Path) -> tuple[dict, EventBatch, list[Header]]:
    """Read what `save` wrote, without asking this release for anything but the layout of records."""
    data = zstandard.ZstdDecompressor().decompress(path.read_bytes(), max_output_size=1 << 30)
    size = int.from_bytes(data[:8], "little")
    about = json.loads(data[8 : 8 + size])
    dtype = np.dtype([(name, kind) for name, kind in about["columns"]])
    at, n = 8 + size, about["events"]
    records = np.frombuffer(data, dtype, n, at)
    ends = np.frombuffer(data, "<i8", n, at + n * dtype.itemsize)
    payloads = data[at + n * (dtype.itemsize + 8) :]
    headers = [
        # An area that came later is empty in what was recorded before.
        Header(
            t,
            n_,
            bytes.fromhex(e),
            bytes.fromhex(s),
            bytes.fromhex(c),
            tuple([*map(int, areas), *[0] * (len(AREAS) - len(areas))]),
        )
        for t, n_, e, s, c, areas in about["headers"]
    ]
    return about, EventBatch(records, ends, payloads), headers


def record_plain(path: Path) -> None:
    """Record the run of rules alone."""
    given = [one for inputs in INPUTS.values() for one in inputs]
    save(path, *run(CONFIGURATION, SEED, TICKS, INPUTS), configuration=CONFIGURATION, seed=SEED, inputs=given)


def record_minded(path: Path) -> None:
    """Record the run with minds, and what they answered."""
    history = histories.run(minded.SEED, minded.TICKS, minded.MINDED, given=minded.interventions())
    given = [one for inputs in history.inputs.values() for one in inputs.rows]
    events, headers = EventBatch.concat(history.batches), list(history.headers)
    save(path, events, headers, configuration=minded.MINDED, seed=minded.SEED, inputs=given)


if __name__ == "__main__":
    targets = {FOLDER / f"v{sys.argv[1]}.zst": record_plain, FOLDER / f"minds-{sys.argv[1]}.zst": record_minded}
    missing = [target for target in targets if not target.exists()]
    if not missing:
        raise SystemExit(f"Those of {sys.argv[1]} are recorded already, and golden runs are never recorded again")
    for target in missing:
        targets[target](target)
        print(f"{target}: {target.stat().st_size:,} bytes")
