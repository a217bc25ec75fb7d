"""A call held against its tool: known, complete, of the right kinds, and not an example's."""

from collections.abc import Mapping

from greenloop.tools.edit_check import elided_line
from greenloop.tools.reader.aliases import named_as_declared
from greenloop.tools.reader.asked import Asked
from greenloop.tools.reader.base import Call, Parameter, Refusal, Tool
from greenloop.tools.reader.coerce import Unfit, coerced
from greenloop.tools.reader.content import (
    clean_command,
    clean_content,
    clean_path,
    clean_pattern,
    unescaped_entities,
)
from greenloop.tools.reader.loose import Loose, read_value
from greenloop.tools.reader.placeholders import (
    is_placeholder_command,
    is_placeholder_content,
    is_placeholder_path,
)

_EDIT_LISTS = ("edits", "changes", "replacements")
_MAY_BE_EMPTY = frozenset({"content", "new_string", "old_string"})
TRUNCATED = "your call was cut off, so nothing was done; send it again, in smaller parts"
_UNSURE = (
    'the arguments of {tool} are no valid JSON; escape every \\ and " in a string and send '
    "the call again"
)


def checked(asked: Asked, tool: Tool) -> tuple[Call, ...] | Refusal:
    """The call with declared names and kinds; several where one call holds several edits."""
    if tool.mutates and not asked.whole:
        return Refusal("truncated", TRUNCATED)
    if tool.mutates and not asked.lossless:
        return Refusal("unfit", _UNSURE.format(tool=tool.name))
    given = _mapping(asked.arguments, tool)
    if given is None:
        return _missing(tool, tool.parameters[:1])
    calls: list[Call] = []
    for arguments in _split(given, tool):
        call = _call(arguments, tool, asked.form == "tags")
        if isinstance(call, Refusal):
            return call
        calls.append(call)
    return tuple(calls)


def fits(asked: Asked, tool: Tool) -> bool:
    """Whether what may be a call names parameters of the tool, and only those."""
    given = asked.arguments
    if not isinstance(given, Mapping):
        return isinstance(given, str) and _mapping(given, tool) is not None
    found, _ = named_as_declared(tool, given)
    names = {parameter.name for parameter in tool.parameters}
    needed = {parameter.name for parameter in tool.parameters if parameter.required}
    return needed <= set(found) <= names and len(found) == len(given)


def _mapping(arguments: object, tool: Tool) -> Mapping[str, object] | None:
    if arguments is None:
        return {}
    if isinstance(arguments, Mapping):
        by_position = {str(i): p.name for i, p in enumerate(tool.parameters)}
        return {by_position.get(str(key), str(key)): v for key, v in arguments.items()}
    required = [parameter for parameter in tool.parameters if parameter.required]
    if isinstance(arguments, list) and (len(arguments) > 1 or not required):
        if len(arguments) > len(tool.parameters):
            return None
        return {p.name: v for p, v in zip(tool.parameters, arguments, strict=False)}
    value = arguments[0] if isinstance(arguments, list) and arguments else arguments
    if value in ("", []):
        return {}
    return {required[0].name: value} if len(required) == 1 else None


def _split(given: Mapping[str, object], tool: Tool) -> list[Mapping[str, object]]:
    """One mapping for each edit of a list of edits."""
    if "old_string" not in {parameter.name for parameter in tool.parameters}:
        return [given]
    for key in _EDIT_LISTS:
        edits = _items(given.get(key))
        if edits:
            rest = {k: v for k, v in given.items() if k != key}
            return [{**rest, **edit} for edit in edits]
    return [given]


def _items(value: object) -> list[Mapping[str, object]]:
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        read = read_value(value.strip(), 0)
        value = read.value if isinstance(read, Loose) and read.lossless else None
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        return []
    edits = [item for item in value if isinstance(item, Mapping)]
    return edits if len(edits) == len(value) else []


def _call(given: Mapping[str, object], tool: Tool, tagged: bool) -> Call | Refusal:
    named, trouble = named_as_declared(tool, given)
    if trouble:
        return Refusal("unfit", trouble)
    arguments: dict[str, object] = {}
    path = named.get("path")
    about = path if isinstance(path, str) else ""
    for parameter in tool.parameters:
        value = named.get(parameter.name)
        if value is None:
            continue
        try:
            arguments[parameter.name] = _value(value, parameter, about.strip(), tagged)
        except Unfit as error:
            if parameter.required or tool.mutates:
                return Refusal("unfit", f"{tool.name}: {error}")
    missing = [p for p in tool.parameters if p.required and _absent(arguments.get(p.name), p)]
    if missing:
        return _missing(tool, missing)
    example = _example(arguments)
    return example or _left_out(arguments) or Call(tool.name, arguments)


def _value(value: object, parameter: Parameter, path: str, tagged: bool) -> object:
    result = coerced(value, parameter, path)
    if not isinstance(result, str):
        return result
    if tagged or (parameter.name == "content" and path.endswith((".py", ".pyi"))):
        result = unescaped_entities(result, path)
    if parameter.name == "path":
        return clean_path(result)
    if parameter.name == "content":
        return clean_content(result, path)
    if parameter.name == "command":
        return clean_command(result)
    return clean_pattern(result) if parameter.name == "pattern" else result


def _absent(value: object, parameter: Parameter) -> bool:
    if value is None:
        return True
    return value == "" and parameter.name not in _MAY_BE_EMPTY


def _missing(tool: Tool, parameters: tuple[Parameter, ...] | list[Parameter]) -> Refusal:
    names = ", ".join(f"'{parameter.name}'" for parameter in parameters)
    return Refusal("missing_required", f"{tool.name} needs {names}; send the call again with it")


def _example(arguments: Mapping[str, object]) -> Refusal | None:
    path, content, command = (str(arguments.get(n, "")) for n in ("path", "content", "command"))
    if is_placeholder_path(path):
        return Refusal("placeholder_path", f"{path} is an example's path; use a real one")
    if is_placeholder_content(content):
        return Refusal("placeholder_path", "the content is an example's; write the real text")
    if is_placeholder_command(command):
        return Refusal("placeholder_path", "the command has a slot to fill; write the real path")
    return None


def _left_out(arguments: Mapping[str, object]) -> Refusal | None:
    """Code that a new text replaces by a comment that it is still there."""
    path = str(arguments.get("path", ""))
    new = str(arguments.get("content", "")) + str(arguments.get("new_string", ""))
    old = set(str(arguments.get("old_string", "")).split("\n"))
    line = elided_line([line for line in new.split("\n") if line not in old], path)
    if not line:
        return None
    return Refusal("elided_code", f"the text leaves code out ({line}); write every line of it")
