"""A small shop project to search in, and retrievers over it."""

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from greenloop.tools.retrieval.base import Retriever
from greenloop.tools.retrieval.open import RetrieverKind, open_retriever

SHOP = {
    "shop/cart.py": '''
class Cart:
    """Holds what a customer wants to buy."""

    def __init__(self):
        self.entries = {}


def drop_entry(cart, sku):
    cart.entries.pop(sku, None)
''',
    "shop/money.py": '''
from decimal import Decimal


def format_price(amount: Decimal, currency: str) -> str:
    """Price with two decimals and the currency's sign."""
    return f"{amount:.2f} {currency}"


def apply_discount(total, percent):
    return total * (100 - percent) / 100
''',
    "shop/login.py": """
import hashlib


def verify_password(user, secret):
    return hashlib.sha256(secret.encode()).hexdigest() == user.digest
""",
    "shop/mailer.py": """
import smtplib


def notify_customer(address, subject, body):
    with smtplib.SMTP("localhost") as server:
        server.sendmail("shop", address, f"{subject}: {body}")
""",
    "shop/storage.py": """
import json


class OrderArchive:
    def persist(self, order, path):
        path.write_text(json.dumps(order))

    def parseHTTPHeader(self, raw):
        return dict(line.split(": ", 1) for line in raw.splitlines())
""",
    "shop/stock.py": """
def count_available(warehouse, sku):
    return sum(shelf.get(sku, 0) for shelf in warehouse.shelves)
""",
    "web/cart.js": """
export function renderBadge(count) {
  document.querySelector("#badge").textContent = String(count);
}
""",
    "README.md": """
# Shop

A small web shop.

## Deployment

Copy the container image to the server and restart the service.
""",
}

Write = Callable[[Path, dict[str, str]], None]
Open = Callable[[RetrieverKind, Path, Path], Retriever]


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).removeprefix("\n"), encoding="utf-8")


@pytest.fixture(scope="session")
def write() -> Write:
    """Writes files, by relative name, without their text's common indentation."""
    return _write


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A workspace of eight files."""
    root = tmp_path / "shop"
    _write(root, SHOP)
    return root


def _opened(kind: RetrieverKind, workspace: Path, cache: Path) -> Retriever:
    return open_retriever(kind, workspace, cache)


@pytest.fixture
def open_kind() -> Iterator[Open]:
    """Opens retrievers and closes them after the test."""
    opened: list[Retriever] = []

    def open_one(kind: RetrieverKind, workspace: Path, cache: Path) -> Retriever:
        opened.append(_opened(kind, workspace, cache))
        return opened[-1]

    yield open_one
    for retriever in opened:
        retriever.close()


@pytest.fixture(scope="session")
def shop_index(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[RetrieverKind], Retriever]]:
    """Retrievers over one unchanging shop, indexed once for all tests that only ask."""
    root = tmp_path_factory.mktemp("indexed")
    _write(root / "shop", SHOP)
    opened: dict[str, Retriever] = {}

    def indexed(kind: RetrieverKind) -> Retriever:
        if kind not in opened:
            opened[kind] = _opened(kind, root / "shop", root / "cache")
            opened[kind].refresh()
        return opened[kind]

    yield indexed
    for retriever in opened.values():
        retriever.close()
