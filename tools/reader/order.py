"""Which calls of one reply may run: none that was written before its facts were known."""

from collections.abc import Sequence

from greenloop.tools.reader.base import Call, Tool


def without_repeats(calls: Sequence[Call]) -> list[Call]:
    """The calls without each that equals the one before it."""
    return [call for i, call in enumerate(calls) if not i or call != calls[i - 1]]


def independent(calls: Sequence[Call], tools: Sequence[Tool]) -> tuple[Call, ...]:
    """The calls up to the first that changes something after another has yet to tell something.

    A change planned before the result of a look is known is a guess. Commands one after the
    other are not.
    """
    by_name = {tool.name: tool for tool in tools}
    telling: set[str] = set()
    for at, call in enumerate(calls):
        tool = by_name[call.tool]
        if tool.mutates and telling and not (tool.tells and telling == {tool.name}):
            return tuple(calls[:at])
        if tool.tells:
            telling.add(tool.name)
    return tuple(calls)
