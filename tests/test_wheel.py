"""The wheel holds the package, all of it, and nothing else of the checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("checkpoints", "cli", "graph", "nodes", "tools")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    # Built from a copy: setuptools writes into the folder that it builds from.
    source = tmp_path_factory.mktemp("source") / "greenloop"
    ignored = shutil.ignore_patterns(".*", "build", "dist", "scratch", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=ignored)
    out = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(out)]
    subprocess.run([sys.executable, "-m", "pip", *build, str(source)], check=True)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_every_module_is_in_it(contents: set[str]) -> None:
    modules = {f"greenloop/{path.name}" for path in ROOT.glob("*.py")}
    for room in ROOMS:
        found = (path.relative_to(ROOT) for path in (ROOT / room).rglob("*.py"))
        modules |= {f"greenloop/{path.as_posix()}" for path in found}
    assert {name for name in contents if name.endswith(".py")} == modules


def test_prompts_and_the_type_marker_are_in_it(contents: set[str]) -> None:
    prompts = {f"greenloop/nodes/prompts/{p.name}" for p in (ROOT / "nodes/prompts").glob("*.j2")}
    assert {name for name in contents if not name.endswith(".py")} == prompts | {
        "greenloop/py.typed"
    }


def test_nothing_lies_at_the_top_level_beside_the_package(contents: set[str]) -> None:
    assert {name.partition("/")[0] for name in contents} == {"greenloop"}
