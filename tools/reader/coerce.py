"""Argument values of the declared kinds, where only one value can be meant."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath

from greenloop.tools.reader.base import Parameter
from greenloop.tools.reader.loose import Loose, read_value

_INTEGER = re.compile(r"\s*([-+]?\d{1,12})(?:\.0*)?\s*(?:s|secs?|seconds?)?\s*")
_TRUTHS: Mapping[str, bool] = {
    "true": True, "yes": True, "1": True, "on": True,
    "false": False, "no": False, "0": False, "off": False,
}  # fmt: skip
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s*)?")
_SHELLS = frozenset({"bash", "sh", "zsh", "/bin/bash", "/bin/sh"})
_INNER = ("value", "text", "string", "content", "path", "command", "description")


class Unfit(ValueError):
    """A value that cannot become one of the declared kind; the message says what is needed."""


def coerced(value: object, parameter: Parameter, path: str = "") -> object:
    """The value as the parameter's kind.

    Args:
        value: as the model gave it; not None.
        parameter: what it is for.
        path: the file that a text is for; JSON data for a JSON file stays JSON.

    Raises:
        Unfit: it cannot be one.
    """
    if parameter.kind == "integer":
        return _integer(value, parameter.name)
    if parameter.kind == "boolean":
        return _boolean(value, parameter.name)
    if parameter.kind == "array":
        return _array(value, parameter.name)
    return _string(value, parameter.name, path)


def _integer(value: object, name: str) -> int:
    if isinstance(value, bool):
        raise Unfit(f"'{name}' must be a whole number")
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    written = _INTEGER.fullmatch(value) if isinstance(value, str) else None
    if written:
        return int(written[1])
    raise Unfit(f"'{name}' must be a whole number")


def _boolean(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return value
    truth = _TRUTHS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
    if truth is None:
        raise Unfit(f"'{name}' must be true or false")
    return truth


def _array(value: object, name: str) -> list[object]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        inner = list(value.values())
        return inner[0] if len(inner) == 1 and isinstance(inner[0], list) else [value]
    if not isinstance(value, str) or not value.strip():
        raise Unfit(f"'{name}' must be a list")
    text = value.strip()
    if text[0] in "[{":
        read = read_value(text, 0)
        if isinstance(read, Loose) and not text[read.end :].strip() and not read.unclosed:
            return read.value if isinstance(read.value, list) else [read.value]
        raise Unfit(f"'{name}' must be a list")
    return [_BULLET.sub("", line).strip() for line in text.split("\n") if line.strip()]


def _string(value: object, name: str, path: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if name == "content":
        return _text(value, path)
    if isinstance(value, list):
        return _listed(value, name)
    if isinstance(value, dict):
        inner = [value[key] for key in _INNER if isinstance(value.get(key), str)]
        if len(inner) == 1 and len(value) == 1:
            return str(inner[0])
    raise Unfit(f"'{name}' must be a string")


def _listed(value: list[object], name: str) -> str:
    words = [str(word) for word in value if isinstance(word, str)]
    if words and len(words) == len(value):
        if len(words) == 1:
            return words[0]
        if name == "command":
            if words[0] in _SHELLS and len(words) == 3 and words[1] in ("-c", "-lc"):
                return words[2]
            return shlex.join(words)
        if name in ("old_string", "new_string"):
            return "\n".join(words)
    raise Unfit(f"'{name}' must be a string")


def _text(value: object, path: str) -> str:
    """A file's text from data: lines of a text, or JSON for everything else."""
    if isinstance(value, list) and PurePosixPath(path).suffix not in (".json", ".jsonc", ".ipynb"):
        lines = [line for line in value if isinstance(line, str)]
        if len(lines) == len(value):
            ended = all(line.endswith("\n") for line in lines)
            return "".join(lines) if ended else "".join(f"{line}\n" for line in lines)
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
