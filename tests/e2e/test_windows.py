"""Small windows: a task over many and long files runs to its end, and no prompt is ever cut."""

import json
from pathlib import Path

import pytest
from e2e.support import PYTEST, block, greenloop, result_of, write

from greenloop.tools.standin.start import start_standin

MODEL = "qwen2.5-coder:7b"
TASK = "1. total in shop/cart.py must add all prices\n2. rate in shop/long.py must be 7"

_FILLER = "def rule_{n}_{at}(amount):\n    return amount + {at}\n\n\n"
_LONG = "".join(_FILLER.format(n="l", at=at) for at in range(400))
_NOISE = "import sys\n\n\ndef test_noise():\n    sys.stderr.write('noise ' * 40_000)\n    {}\n"


def project() -> dict[str, str]:
    """A hundred files and more; two are long, one test talks without end."""
    files = {
        f"shop/lib/m{n:03}.py": "".join(_FILLER.format(n=n, at=at) for at in range(5 + n % 60))
        for n in range(110)
    }
    rules = "".join(_FILLER.format(n="c", at=at) for at in range(95))
    cart = f"def total(prices):\n    return prices[0]\n\n\n{rules}"
    return {
        **files,
        "conftest.py": "",
        "shop/__init__.py": "",
        "shop/lib/__init__.py": "",
        "shop/cart.py": cart,
        "shop/long.py": f"{_LONG}def rate():\n    return 6\n\n\n{_LONG.replace('_l_', '_m_')}",
        "shop/data.js": "var x = '" + "y" * 500_000 + "'\n",
        "tests/test_cart.py": (
            "from shop.cart import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
        ),
        "tests/test_long.py": (
            "from shop.long import rate\n\n\ndef test_rate():\n    assert rate() == 7\n"
        ),
        "tests/test_noise.py": (
            "from shop.cart import total\n"
            + _NOISE.format("assert total([2, 3]) == 5, 'x' * 200_000")
        ),
    }


REPLIES = [
    json.dumps({"steps": ["total adds all prices", "rate is 7"]}),
    "```look\nREAD shop/long.py\nREAD shop/data.js\nGREP rule_\n```",
    "shop/cart.py\n```python\n" + "# why\n" * 300 + "def total(prices:\n```\n",
    block("shop/cart.py", "    return prices[0]", "    return sum(prices)"),
    block("shop/long.py", "    return 5", "    return 7"),
    block("shop/long.py", "    return 6", "    return 7"),
    json.dumps({"reasons": [], "verdict": "keep"}),
]


@pytest.mark.parametrize("num_ctx", [4096, 8192])
@pytest.mark.parametrize("chars_per_token", [4.0, 3.0])
def test_nothing_is_ever_cut(tmp_path: Path, num_ctx: int, chars_per_token: float) -> None:
    repo = write(tmp_path / "project", project())
    script = {"models": [MODEL], "chars_per_token": chars_per_token, "replies": REPLIES}
    with start_standin(script, tmp_path) as standin:
        done = greenloop(
            "run", TASK, "--repo", str(repo), "--test-cmd", PYTEST, "--json", "--model", MODEL,
            "--set", f"num_ctx={num_ctx}", "--set", "retrieval=keyword",
            env={"OLLAMA_HOST": standin.url},
        )  # fmt: skip
        chats = standin.chats()
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert result_of(done)["status"] == "green"
    assert len(chats) >= 6
    for chat in chats:
        options = chat["body"]["options"]
        assert (options["num_ctx"], chat["num_ctx"]) == (num_ctx, num_ctx)
        assert (chat["dropped"], chat["beheaded"]) == (0, False)
        assert chat["prompt_tokens"] + options["num_predict"] <= num_ctx
    assert max(chat["prompt_tokens"] for chat in chats) > num_ctx // 4, "the window is made use of"
