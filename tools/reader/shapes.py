"""Calls in JSON values, in every shape that models give them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from greenloop.tools.reader.loose import Loose, read_value
from greenloop.tools.reader.names import Names

NAME_KEYS = ("name", "tool", "tool_name", "toolName", "function", "function_name", "action")
ARGUMENT_KEYS = (
    "arguments", "args", "parameters", "params", "input", "tool_input", "kwargs", "action_input",
    "toolInput", "tool_args", "tool_arguments", "tool_parameters", "function_args", "properties",
)  # fmt: skip
_LISTS = ("tool_calls", "toolCalls", "function_calls", "tools", "calls", "actions", "tool_uses")
_NESTED = (
    "function",
    "function_call",
    "tool_call",
    "toolCall",
    "tool",
    "action",
    "call",
    "command",
)
_WRAPPERS = frozenset({"function", "tool_call", "call_tool", "tool", "function_call", "use_tool"})
"""Names of no tool under which models hide the real call."""
_REMARKS = frozenset(
    {"type", "id", "thought", "thoughts", "reasoning", "explanation", "index", "call_id", "role"}
)
_MAX_NESTING = 6


@dataclass(frozen=True, slots=True)
class Shaped:
    """A name and arguments, as they stood in a value."""

    name: str
    arguments: object
    lossless: bool
    whole: bool
    sure: bool


def shaped_calls(read: Loose, names: Names) -> tuple[Shaped, ...]:
    """The calls that a value stands for, in order; empty for data that is none."""
    return tuple(_Shapes(read, names).calls(read.value, 0))


class _Shapes:
    def __init__(self, read: Loose, names: Names) -> None:
        self.read = read
        self.names = names

    def calls(self, value: object, depth: int) -> Iterator[Shaped]:
        if depth > _MAX_NESTING:
            return
        if isinstance(value, list):
            for item in value:
                yield from self.calls(item, depth + 1)
        elif isinstance(value, dict):
            yield from self._of_mapping(value, depth)

    def _of_mapping(self, value: Mapping[str, object], depth: int) -> Iterator[Shaped]:
        for key in _LISTS:
            if isinstance(value.get(key), list) and not _definitions(value[key]):
                yield from self.calls(value[key], depth + 1)
                return
        for key in _NESTED:
            inner = value.get(key)
            if isinstance(inner, dict) and _named(inner):
                yield from self.calls({**_outer(value), **inner}, depth + 1)
                return
        call = self._named_call(value) or self._keyed_call(value)
        if call:
            yield from self._unwrapped(call, depth)

    def _named_call(self, value: Mapping[str, object]) -> Shaped | None:
        key, name = _name_of(value, self.names)
        if not name:
            return None
        known = self.names.find(name)
        if _is_definition(value):
            return None
        for argument_key in ARGUMENT_KEYS:
            if argument_key in value:
                whole = self.read.closed(value[argument_key])
                return self._shaped(name, value[argument_key], whole, sure=True)
        rest = {k: v for k, v in value.items() if k != key and k not in _REMARKS}
        if known or (key in ("tool", "tool_name", "toolName") and len(value) == 1):
            whole = self.read.closed(value)
            return self._shaped(
                name, rest, whole, sure=key != "name" or len(value) == 1 or bool(rest)
            )
        return None

    def _keyed_call(self, value: Mapping[str, object]) -> Shaped | None:
        """`{"read_file": {"path": ...}}`."""
        keys = [key for key in value if key not in _REMARKS]
        if len(keys) != 1 or not self.names.find(keys[0]):
            return None
        inner = value[keys[0]]
        if not isinstance(inner, dict):
            return None
        return self._shaped(keys[0], inner, self.read.closed(inner), sure=False)

    def _shaped(self, name: str, arguments: object, whole: bool, sure: bool) -> Shaped:
        lossless = self.read.lossless
        if isinstance(arguments, str):
            inner = read_value(arguments.strip(), 0) if arguments.strip()[:1] == "{" else None
            if isinstance(inner, Loose) and not arguments.strip()[inner.end :].strip(" }"):
                whole = whole and not inner.unclosed
                return Shaped(name, inner.value, lossless and inner.lossless, whole, sure)
        return Shaped(name, _plain(arguments, name), lossless, whole, sure)

    def _unwrapped(self, call: Shaped, depth: int) -> Iterator[Shaped]:
        inner = call.arguments
        wraps = not self.names.find(call.name) and call.name.lower() in _WRAPPERS
        if wraps and isinstance(inner, dict) and _named(inner):
            yield from self.calls(inner, depth + 1)
        else:
            yield call


def _name_of(value: Mapping[str, object], names: Names) -> tuple[str, str]:
    found = [(key, value[key]) for key in NAME_KEYS if isinstance(value.get(key), str)]
    named = [(key, str(name)) for key, name in found if str(name).strip()]
    known = [pair for pair in named if names.find(pair[1])]
    return next(iter([*known, *named]), ("", ""))


def _named(value: Mapping[str, object]) -> bool:
    return any(isinstance(value.get(key), str) for key in NAME_KEYS)


def _outer(value: Mapping[str, object]) -> dict[str, object]:
    return {key: value[key] for key in ARGUMENT_KEYS if key in value}


def _plain(arguments: object, name: str) -> object:
    """Arguments without wrappers: a one-element list, a nested key, a schema's properties."""
    for _ in range(3):
        if isinstance(arguments, list) and len(arguments) == 1 and isinstance(arguments[0], dict):
            arguments = arguments[0]
        if not isinstance(arguments, dict):
            break
        properties = arguments.get("properties")
        if isinstance(properties, dict) and arguments.get("type") == "object":
            arguments = properties
        elif len(arguments) == 1 and next(iter(arguments)) in ARGUMENT_KEYS:
            inner = next(iter(arguments.values()))
            if not isinstance(inner, dict):
                break
            arguments = inner
        elif set(arguments) == {"name", "arguments"} and arguments["name"] == name:
            arguments = arguments["arguments"]
        else:
            break
    if isinstance(arguments, dict):
        return {key: _valued(value) for key, value in arguments.items()}
    return arguments


def _valued(value: object) -> object:
    """`{"type": "string", "value": x}` as x."""
    if (
        isinstance(value, dict)
        and "value" in value
        and set(value) <= {"type", "value", "description"}
    ):
        return value["value"]
    return value


def _definitions(value: object) -> bool:
    return isinstance(value, Sequence) and any(
        isinstance(item, dict) and _is_definition(item) for item in value
    )


def _is_definition(value: Mapping[str, object]) -> bool:
    """Whether this only repeats how a tool is declared."""
    inner = value.get("function")
    if isinstance(inner, dict):
        return _is_definition(inner)
    schema = value.get("parameters") or value.get("input_schema") or value.get("arguments")
    if not isinstance(schema, dict):
        return False
    properties = schema.get("properties")
    return isinstance(properties, dict) and any(
        isinstance(part, dict) and "type" in part and "value" not in part
        for part in properties.values()
    )
