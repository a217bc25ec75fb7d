"""What must be instant loads nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("langgraph", "langchain", "langchain_core", "langchain_ollama", "chromadb", "torch",
         "sentence_transformers", "httpx", "jinja2")  # fmt: skip

_SCRIPT = """
import contextlib, io, json, sys
from greenloop.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *words], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "words", [("--help",), ("run", "--help"), ("threads",), ("graph",), ("config", "show")]
)
def test_nothing_heavy_is_loaded(words: tuple[str, ...], tmp_path: Path) -> None:
    assert loaded(*words) & set(HEAVY) == set()


def test_help_loads_next_to_nothing() -> None:
    assert loaded("--help") & {"pydantic", "rich", "sqlite3", "platformdirs"} == set()
