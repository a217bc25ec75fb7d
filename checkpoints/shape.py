"""Whether what was decoded of a checkpoint is a state: damage can leave values of any kind."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from greenloop.errors import StorageError
from greenloop.state import AgentState


def check_state(values: object, thread: str) -> None:
    """Compare decoded values with the types that the state declares; unknown keys are let pass.

    Raises:
        StorageError: one is of another kind.
    """
    if not isinstance(values, dict):
        raise StorageError(f"a checkpoint of {thread} is damaged: {_CURE}")
    for key, expected in _hints(AgentState).items():
        if key in values and not _is(values[key], expected):
            raise StorageError(f"a checkpoint of {thread} is damaged in {key!r}: {_CURE}")


_CURE = "`greenloop doctor --repair-store` saves what can be read, rewind reaches older ones"


@cache
def _hints(of: type) -> Mapping[str, Any]:
    return get_type_hints(of)


def _is(value: object, expected: Any) -> bool:
    origin = get_origin(expected)
    if origin is Literal:
        return value in get_args(expected)
    if origin is tuple:
        # The codec turns tuples into lists; ours are all of one kind of item.
        kind = get_args(expected)[0]
        return isinstance(value, list | tuple) and all(_is(item, kind) for item in value)
    if expected is float:
        return isinstance(value, float | int)
    if not isinstance(value, expected):
        return False
    if not is_dataclass(value):
        return True
    hints = _hints(expected)
    return all(_is(getattr(value, each.name), hints[each.name]) for each in fields(value))
