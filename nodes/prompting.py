"""Rendering prompts from their templates; a misspelt variable fails at once."""

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: object) -> str:
    """The template `prompts/{template}.j2` with these values."""
    return _environment().get_template(f"{template}.j2").render(values).strip() + "\n"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415

    folder = resources.files("greenloop.nodes") / "prompts"
    return Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # plain text for a model, not HTML
        keep_trailing_newline=True,
    )
