"""The benchmarks that there are."""

from __future__ import annotations

BENCHMARKS: dict[str, tuple[str, str, float]] = {
    # name: (module, function, most minutes that it may take)
    "ticks": ("ticks", "measure", 12),
    "throughput": ("throughput", "measure", 6),
    "scaling": ("scaling", "measure", 10),
    "replaying": ("replaying", "measure", 10),
    "recovery": ("recovery", "measure", 7),
    "memory": ("memory", "measure", 5),
    "copying": ("copying", "measure", 3),
    "closing": ("closing", "measure", 10),
    "layout": ("layout", "measure", 20),
    "endurance": ("memory", "measure_long", 35),
}
BY_NAME_ONLY = ("copying", "closing", "layout", "endurance")
