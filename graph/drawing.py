"""Drawings of the graph: the one way in to all formats.

Drawn from the table in `greenloop.graph.edges` alone, without LangGraph, so that showing the graph
costs no start-up time.
"""

from typing import Literal

from greenloop.graph.chart import Chart, Overlay
from greenloop.graph.draw_ascii import Paper, draw_ascii
from greenloop.graph.draw_mermaid import draw_mermaid
from greenloop.graph.draw_svg import draw_svg

Format = Literal["ascii", "mermaid", "svg"]


def draw(
    format: Format,
    overlay: Overlay | None = None,
    *,
    width: int = 80,
    colour: bool = False,
    ascii_only: bool = False,
) -> str:
    """Draw the graph, with a thread's way through it if `overlay` is given.

    Args:
        format: `ascii` for a terminal, `mermaid` for Markdown, `svg` for a file of its own.
        overlay: The way to show.
        width: Columns that `ascii` may use; too few for lines give a list of edges instead.
        colour: Whether `ascii` may use ANSI colour codes (ECMA-48, SGR).
        ascii_only: Whether `ascii` must do with 7-bit characters.

    Returns:
        The text of the drawing, ending in a newline.
    """
    if format == "mermaid":
        return draw_mermaid(Chart(), overlay)
    if format == "svg":
        return draw_svg(Chart(), overlay)
    return draw_ascii(Chart(), overlay, Paper(width, colour, ascii_only))


__all__ = ["Format", "Overlay", "draw"]
