"""What was compiled of a kernel, kept on disk: looked over before it runs, so that a damaged file is as good as none.

Numba has an index of such files. One that a power cut left empty would stop every run; of two processes that write it
at once, on hosts that share a home, one can find under its own key what the other compiled for another processor; and
damaged machine code would simply run. So there is no index here: a file is named by all that its code was compiled for
and begins with the digest of the rest.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
from collections.abc import Callable
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

_SEAL = hashlib.sha256().digest_size


class Kept(FunctionCache):
    """The kept code of one kernel, as numba asks for it and hands it over."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, locator.get_source_stamp())

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep it if that can be: a full disk stops no run."""
        with contextlib.suppress(OSError):
            super().save_overload(signature, data)


class _Files(IndexDataCacheFile):
    """A file for each signature and processor."""

    def save(self, key: Any, data: Any) -> None:
        code = self._dump(data)
        with self._open_for_write(self._path_of(key)) as file:
            file.write(hashlib.sha256(code).digest() + code)

    def load(self, key: Any) -> Any:
        """Return what was kept under the key; None if nothing was, or not whole."""
        try:
            with open(self._path_of(key), "rb") as file:
                seal, code = file.read(_SEAL), file.read()
        except OSError:
            return None
        return pickle.loads(code) if hashlib.sha256(code).digest() == seal else None

    def _path_of(self, key: Any) -> str:
        compiled_for = hashlib.sha256(repr((self._source_stamp, key)).encode()).hexdigest()[:16]
        return os.path.join(self._cache_path, f"{self._index_name.removesuffix('.nbi')}.{compiled_for}.nbc")
