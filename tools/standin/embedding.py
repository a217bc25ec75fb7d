"""Vectors for texts: words are hashed into a bag, so that texts that share words lie near."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from greenloop.tools.standin.faults import TOO_LONG_OLD
from greenloop.tools.standin.refusal import Refused
from greenloop.tools.standin.truncation import count

_WORD = re.compile(r"\w+")


def read_input(body: Mapping[str, Any]) -> list[str]:
    """The texts of a request to /api/embed.

    Raises:
        Refused: neither a text nor a list of texts.
    """
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refused(400, "invalid input type")
    return texts


def embed(
    texts: Sequence[str], body: Mapping[str, Any], size: int, window: tuple[int, float]
) -> tuple[list[list[float]], int]:
    """Vectors of length one, and the tokens of all texts.

    Args:
        texts: what to embed.
        body: of the request, for `truncate` and `dimensions`.
        size: numbers in a vector of this model.
        window: tokens that fit, and characters to a token.

    Raises:
        Refused: a text is too long and may not be cut.
    """
    num_ctx, per_token = window
    if body.get("truncate") is False and any(count(t, per_token) > num_ctx for t in texts):
        raise Refused(400, TOO_LONG_OLD)
    shown = [text[: int(num_ctx * per_token)] for text in texts]
    wanted = int(body.get("dimensions") or size)
    vectors = [_unit(_bag(text, size)[:wanted]) for text in shown]
    return vectors, sum(count(text, per_token) for text in shown)


def _bag(text: str, size: int) -> list[float]:
    vector = [0.0] * size
    for word in _WORD.findall(text.lower()):
        digest = hashlib.sha256(word.encode()).digest()
        vector[int.from_bytes(digest[:4], "big") % size] += 1.0 if digest[4] % 2 else -1.0
    vector[0] += 1e-3  # a text without words has a direction too
    return vector


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]
