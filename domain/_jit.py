"""How kernels are compiled: without the GIL, cached on disk, never with a stale cache.

Numba's cache looks at the file of the kernel alone, so a change in a function that the kernel
*calls* from another file would go unnoticed and run old rules. The cache folder is therefore
named by a digest of all the sources of this package.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.event import Listener, install_listener
from numba.extending import register_jitable

from domain._kept import Kept

F = TypeVar("F", bound=Callable[..., Any])


def _sources_digest() -> str:
    digest = hashlib.sha256(f"{numba.__version__} {getattr(numba.config, 'CPU_NAME', '')}".encode())
    here = Path(__file__).parent
    for path in sorted(here.rglob("*.py")):
        digest.update(str(path.relative_to(here)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _folder() -> str:
    given = os.environ.get("NUMBA_CACHE_DIR")
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(given or os.path.join(base, "chronopolis", "kernels"), _sources_digest())


def _can_be_written(folder: str) -> bool:
    if folder.startswith("~"):  # whose home nobody knows, and a folder of that name is not meant
        return False
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


KERNELS = _folder()
"""Where compiled kernels are kept: those of these very sources and no others."""
ARE_KEPT = _can_be_written(KERNELS)
"""Whether they are: else numba would keep them beside the sources, where older ones pass for those of today."""
setattr(numba.config, "CACHE_DIR", KERNELS)  # noqa: B010 -- numba declares no such attribute
# NUMBA_DISABLE_JIT is not for these: plain Python finds no columns in a record, and would take minutes a tick.
setattr(numba.config, "DISABLE_JIT", 0)  # noqa: B010


def kernel(function: F) -> F:
    """Compile an entry point that Python calls; the result is cached on disk, if it can be.

    Without numba's runtime a kernel can't allocate, only work in the arrays that it is given. For that,
    no helper counts references to them: two locked additions for each array and call, a seventh of a tick.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
    compiled = numba.njit(**options)(function)
    if ARE_KEPT:
        compiled._cache = Kept(function)
    return cast(F, compiled)


@contextmanager
def told_of_compiling(tell: Callable[[int], None]) -> Iterator[None]:
    """Call `tell` whenever something begins to be compiled, whoever asks for it, with how many that are by now."""
    listener = _Counting(tell)
    with install_listener("numba:compile", listener):
        yield


class _Counting(Listener):
    def __init__(self, tell: Callable[[int], None]) -> None:
        self.tell, self.begun = tell, 0

    def on_start(self, event: Any) -> None:
        self.begun += 1
        self.tell(self.begun)

    def on_end(self, event: Any) -> None:
        pass


def inline(function: F) -> F:
    """Let kernels call a helper; Python calls it as it is written, without compiling."""
    return register_jitable(function)
