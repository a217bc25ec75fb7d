"""Scripts written by hand: what they say, and what is wrong with them."""

from pathlib import Path

import pytest

from greenloop.errors import ConfigError, ModelUnavailableError, ReplayError
from greenloop.tools.model.base import Brief, Message, ModelRequest, Role
from greenloop.tools.model.script_file import open_script, parse_script

SCRIPT = """# A comment, and

=== coder

a.py
<<<<<<< SEARCH
x = 1
=======
x = 2
>>>>>>> REPLACE

\\=== coder is no heading here
=== reviewer
VERDICT: keep
=== any
whoever
=== coder gives up: nothing left to try
=== planner fails ModelUnavailableError: the server went away
"""


def request(role: Role) -> ModelRequest:
    return ModelRequest(role, (Message("user", "?"),), Brief(Path(), "task"))


def test_a_script_is_played(tmp_path: Path) -> None:
    path = tmp_path / "script.txt"
    path.write_text(SCRIPT, encoding="utf-8")
    model = open_script(path)
    assert model.name == f"scripted:{path}"
    assert model.reply(request("reviewer")).text == "VERDICT: keep\n"
    assert model.reply(request("coder")).text == (
        "a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n\n"
        "=== coder is no heading here\n"
    )
    assert model.reply(request("coder")).text == "whoever\n"
    reply = model.reply(request("coder"))
    assert (reply.text, reply.gave_up) == ("", "nothing left to try")
    with pytest.raises(ModelUnavailableError, match=r"^the server went away$"):
        model.reply(request("planner"))
    with pytest.raises(ReplayError, match="no reply left"):
        model.reply(request("planner"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no reply"),
        ("# only a comment\n", "holds no reply"),
        ("hello\n=== coder\nx\n", "line 1: a script begins with"),
        ("=== coder\nx\n=== painter\ny\n", "line 3: '=== painter' is no heading"),
        ("=== coder fails KeyError: x\n", "KeyError is no error of greenloop"),
        ("=== coder fails __all__: x\n", "is no error of greenloop"),
    ],
)
def test_a_malformed_script_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_script(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        open_script(tmp_path / "none")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="no UTF-8"):
        open_script(tmp_path / "bytes")
