"""How a model is best talked to: measured by a probe, or known of its family and size."""

from dataclasses import dataclass
from typing import Literal

Source = Literal["default", "family", "probe"]
"""Where a profile comes from: nothing is known, the model's family is, or it was measured."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The formats that a model keeps, and what its server does with it."""

    source: Source = "default"
    whole_file_lines: int = 150
    """Files up to so many lines are asked for as a whole, longer ones as SEARCH/REPLACE."""
    native_tools: bool = False
    """Whether tools are offered through the server; else they are described in the prompt."""
    json_schema: bool = True
    """Whether small decisions are asked for as JSON under a schema; else as a line of text."""
    chars_per_token: float = 3.2
    """Characters to a token, rather too few; replies teach the true value."""
    num_ctx: int = 0
    """Largest window, in tokens, seen to lie fully on the GPU; 0 when unknown."""
    prompt_tps: float = 0.0
    """Prompt tokens read per second; 0 when unknown."""
    reply_tps: float = 0.0
    """Reply tokens written per second; 0 when unknown."""
    thinks: bool = False
    """Whether the model can write thoughts before its answer."""
    keeps_edits: bool = True
    """False when a probe saw neither whole files nor SEARCH/REPLACE kept even once."""


DEFAULT = Profile()
"""For a model of which nothing is known."""
