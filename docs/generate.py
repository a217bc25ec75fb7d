"""Writes the documentation that is made from the code: commands, settings, the graph.

`python docs/generate.py` writes the files; `--check` only says which are out of date.
"""

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
_NOTE = "<!-- Written by docs/generate.py from the code; do not edit. -->\n\n"


def commands() -> str:
    """The help text of every command."""
    os.environ["COLUMNS"] = "80"
    from greenloop.cli.parser import build_parser  # noqa: PLC0415

    parser = build_parser()
    parts = ["# Commands\n", f"```\n{parser.format_help().strip()}\n```\n"]
    actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for name, command in actions[0].choices.items():
        parts.append(f"## greenloop {name}\n\n```\n{command.format_help().strip()}\n```\n")
    return _NOTE + "\n".join(parts)


def settings() -> str:
    """The table of settings."""
    from greenloop.config import PROJECT_KEYS, Settings  # noqa: PLC0415

    rows = [
        f"| `{name}` | `{field.default!r}` | {'yes' if name in PROJECT_KEYS else 'no'} "
        f"| {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return _NOTE + (
        "# Settings\n\n"
        "Layers, the first that says something wins: flags (`--set NAME=VALUE`), environment\n"
        "(`GREENLOOP_NAME`), the repository's `greenloop.toml`, your own `config.toml` (in the\n"
        "system's folder for settings), defaults. `greenloop config show` prints each value and\n"
        "where it came from. A repository may be a stranger's, so its file can set only what is\n"
        "marked here.\n\n"
        "| setting | default | in a repository's file | meaning |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def graph() -> str:
    """The graph as a diagram and as the terminal draws it."""
    from greenloop.graph.drawing import draw  # noqa: PLC0415

    return _NOTE + (
        "# The graph\n\n"
        "Drawn from the table in `graph/edges.py`, which the compiled graph is made from too.\n\n"
        f"```mermaid\n{draw('mermaid').strip()}\n```\n\n"
        f"As `greenloop graph` shows it:\n\n```\n{draw('ascii').rstrip()}\n```\n"
    )


PAGES = {"commands.md": commands, "settings.md": settings, "graph.md": graph}


def main() -> int:
    """Write or check all pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="say which are out of date; exit 1")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = HERE / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(
            f"docs/{name} {'is out of date: run python docs/generate.py' if check else 'written'}"
        )
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
