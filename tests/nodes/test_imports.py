"""What a failing test is about, by its imports."""

from pathlib import Path

import pytest

from greenloop.nodes.imports import imported
from greenloop.tools.files import Workspace

FILES = (
    "shop/__init__.py", "shop/cart.py", "shop/tax/__init__.py", "shop/tax/rates.py",
    "src/parcel/__init__.py", "src/parcel/weigh.py", "tests/tools.py", "app.py",
)  # fmt: skip


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("from shop.cart import total", ["shop/cart.py"]),
        ("from shop import cart", ["shop/cart.py", "shop/__init__.py"]),
        ("import shop.tax.rates as rates", ["shop/tax/rates.py"]),
        ("from shop.tax import rate", ["shop/tax/__init__.py"]),
        ("from parcel.weigh import grams", ["src/parcel/weigh.py"]),
        ("import tools, app", ["tests/tools.py", "app.py"]),
        ("from . import tools", ["tests/tools.py"]),
        ("from ..shop import cart", ["shop/cart.py", "shop/__init__.py"]),
        ("def test():\n    from app import main", ["app.py"]),
        ("import os, pytest\nfrom nowhere import x", []),
        ("from ...... import x", []),
        ("import (", []),
    ],
)
def test_imports(tmp_path: Path, source: str, files: list[str]) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "tests" / "test_it.py").write_text(source)
    assert list(imported(Workspace(tmp_path), ["tests/test_it.py", "gone.py", "a.js"])) == files
