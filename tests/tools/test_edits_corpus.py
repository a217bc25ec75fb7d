"""What small models really wrote, from a shared collection that is not part of the project."""

from pathlib import Path

import pytest

from benchmarks.outputs import measure

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "model_outputs.jsonl"

pytestmark = pytest.mark.skipif(
    not CORPUS.is_file(), reason="the shared corpus of model replies is not beside the checkout"
)


def test_every_reply_is_handled_as_expected() -> None:
    measured = measure(CORPUS)
    assert measured.rows >= 100
    assert measured.wrong_ids == ()
    assert measured.wrong_mutations == 0
