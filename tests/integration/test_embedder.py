"""The real model: the same text gives the same bytes, whoever stands beside it."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from infrastructure.embedder import DIMENSIONS, SCALE, Embedder

pytestmark = pytest.mark.integration

TEXTS = [
    "I traded wood for bread with Bo Hill.", "No.", "", "Ünïcode 🦦 \x00 <b>&amp;</b>", "wolves " * 300,
    "I traded wood for bread with Bo Hill!", "Ida Fox told me: the mine is empty.",
]  # fmt: skip


def test_the_same_text_gives_the_same_bytes_alone_in_any_batch_and_in_any_order(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS)
    backwards = Embedder().embed(TEXTS[::-1])[::-1]
    alone = np.stack([Embedder().embed([text])[0] for text in TEXTS[:3]])
    assert together.dtype == np.int8
    assert together.shape == (len(TEXTS), DIMENSIONS)
    assert np.array_equal(together, backwards)
    assert np.array_equal(together[:3], alone)
    assert embedder.embed([]).shape == (0, DIMENSIONS)


def test_half_of_a_surrogate_pair_is_told_as_what_can_not_be_encoded(embedder: Embedder) -> None:
    with pytest.raises(UnicodeEncodeError):  # which a command tells as an argument that is not UTF-8
        embedder.embed(["a\udcffb"])


def test_another_process_and_other_threads_get_the_same_bytes(embedder: Embedder) -> None:
    program = (
        "import sys; from infrastructure.embedder import Embedder; "
        "print(Embedder().embed([sys.argv[1]]).tobytes().hex())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", program, TEXTS[0]], capture_output=True, text=True, check=True)
    fresh, found = Embedder(), {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: fresh.embed(TEXTS)})) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert elsewhere.stdout.strip() == embedder.embed([TEXTS[0]]).tobytes().hex()
    assert all(np.array_equal(each, embedder.embed(TEXTS)) for each in found.values())


def test_vectors_have_about_one_length_and_say_what_is_alike(embedder: Embedder) -> None:
    hungry, food, stars = embedder.embed(["I am hungry.", "I want something to eat.", "The stars are cold."]).astype(
        int
    )
    for vector in (hungry, food, stars):
        assert abs(np.sqrt(vector @ vector) - SCALE) < SCALE / 100
    assert hungry @ food > 2 * (hungry @ stars)
