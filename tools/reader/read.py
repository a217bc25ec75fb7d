"""Reading a reply: the calls or edits it asks for, or why it is refused; never a guess.

Everything is found where it stands (`scan`), then held against the tools (`checked`), then cut
to what can be carried out before anything else is known (`order`).
"""

import re
from collections.abc import Sequence

from greenloop.errors import EditError
from greenloop.tools.edit_parse import parse_edits
from greenloop.tools.edits import Edit
from greenloop.tools.reader.asked import Asked, Broken, Scan
from greenloop.tools.reader.base import Call, Reading, Refusal, Tool, reason_of
from greenloop.tools.reader.checked import TRUNCATED, checked, fits
from greenloop.tools.reader.degenerate import is_stuck
from greenloop.tools.reader.names import Names
from greenloop.tools.reader.order import independent, without_repeats
from greenloop.tools.reader.registry import COMMAND_TOOL
from greenloop.tools.reader.scan import scan_reply
from greenloop.tools.reader.shell import command_in
from greenloop.tools.reader.shown import is_shown, is_shown_edit

_STRAY_END = re.compile(r"</(?:think(?:ing)?|thoughts?|reasoning)>|\[/THINK\]")
_OPENS_THOUGHT = re.compile(r"<(?:think(?:ing)?|thoughts?|reasoning)>|\[THINK\]")
_FABRICATED = re.compile(
    r"^[ \t>*_#]*(?:Observations?|Tool (?:result|output|response)s?|Results?|Output|Response)"
    r"(?:\*\*|__)?[ \t]*[:：]|<(?:tool_(?:response|result|output)s?|function_results?|observation)>"
    r"|\[(?:TOOL_RESULTS|tool_response|tool_result)\]|^(?:User|Human|System)[ \t]*:"
    r"|^[`~]{3,}(?:output|stdout|results?|tool_(?:output|result|response)s?)[ \t]*$"
    r"|<\|im_start\|>(?:user|tool)|<\|start_header_id\|>(?:user|ipython|tool)|\[INST\]"
    r"|<start_of_turn>user|<\|(?:user|tool|observation)\|>",
    re.MULTILINE | re.IGNORECASE,
)
_AFTER_CALL = re.compile(r"(?:\s|</?[\w|]+>|`{3}|\[/?\w+\])*\Z")
_ENDS_EDIT = re.compile(
    r"^ {0,3}(?:[>+]{5,9}(?: ?\w+)?|`{3,}|~{3,}|\*\*\* End Patch)\s*$", re.MULTILINE
)
_HARMONY = re.compile(r"<\|(?:start|end|channel|message|constrain|call|return)\|>")
_HARMONY_THOUGHT = re.compile(
    r"<\|channel\|>analysis<\|message\|>.*?(?:<\|end\|>|(?=<\|start\|>|<\|channel\|>)|\Z)",
    re.DOTALL,
)
_HARMONY_HEAD = re.compile(r"(?:<\|start\|>)?(?:assistant)?<\|channel\|>\w+<\|message\|>")
_STUCK = "the reply repeats itself and was stopped; send one short answer"
_EMPTY = "the reply is empty; say in one sentence what you do, then do it"
_UNREADABLE = (
    'the call of {name} is no valid JSON; escape every \\, " and line break in its strings and '
    "send it again"
)


def read_reply(reply: str, tools: Sequence[Tool], *, cut: bool = False) -> Reading:
    """What a reply asks for.

    Args:
        reply: the model's text, thoughts included.
        tools: what it may ask for. Shell commands in fences count only where one of them runs
            commands.
        cut: the reply ended at its length limit, or without an end: it changes nothing then.
    """
    text = reply.replace("\r\n", "\n")
    names = Names(tools)
    if "<|channel|>" in text:
        text = _HARMONY_THOUGHT.sub("", text)
    text, scan = _scan(text, names)
    asked = _meant(scan, text, names)
    masked = _masked(text, scan, asked)
    edits, trouble = _edits(masked, examples=COMMAND_TOOL in names)
    if edits and _only_seen(masked, scan, edits):
        edits = ()
    begin = asked[0].start if asked else len(text)
    if edits and (not asked or _position(masked, edits) < begin):
        return _of_edits(edits, _words(masked), cut, len(asked))
    if asked or scan.broken:
        words = _words(masked[: min(begin, *(b.start for b in scan.broken), len(text))])
        return _of_calls(asked, scan.broken, names, words, cut, len(edits))
    if is_stuck(text):
        return Reading(refusal=Refusal("degenerate_repetition", _STUCK))
    return _without_calls(scan, trouble, names, masked, cut)


def read_calls(calls: Sequence[Call], tools: Sequence[Tool]) -> Reading:
    """The calls that came through the server, held against the tools like those in a text."""
    asked = [Asked(0, 0, call.tool, _opened(call.arguments)) for call in calls]
    return _of_calls(asked, [], Names(tools), "", cut=False, edits=0)


def _opened(arguments: object) -> object:
    return dict(arguments) if isinstance(arguments, dict) else arguments


def _scan(text: str, names: Names) -> tuple[str, Scan]:
    """The reply after a thought whose opening tag the template swallowed, and what is in it."""
    scan = scan_reply(text, names)
    stray = _STRAY_END.search(text)
    if stray is None or _OPENS_THOUGHT.search(text, 0, stray.start()):
        return text, scan
    if any(a.start < stray.start() < a.end and a.whole for a in scan.asked):
        return text, scan
    rest = text[stray.end() :]
    return rest, scan_reply(rest, names)


def _meant(scan: Scan, text: str, names: Names) -> list[Asked]:
    """The calls that are surely asked for, up to an answer that the model made up itself."""
    meant: list[Asked] = []
    for asked in scan.asked:
        if meant and _FABRICATED.search(text, meant[-1].end, asked.start):
            scan.broken.clear()
            break
        tool = names.find(asked.name)
        if not asked.sure and (tool is None or not fits(asked, tool)):
            continue
        if is_shown(asked, text, tool):
            continue
        in_thought = asked.start > scan.open_thought >= 0
        if in_thought and tool and tool.mutates and not _AFTER_CALL.match(text, asked.end):
            continue  # the thought goes on after it
        meant.append(asked)
    return meant


def _masked(text: str, scan: Scan, asked: Sequence[Asked]) -> str:
    """The reply with blanks for thoughts and calls, so that nothing in them is read as an edit."""
    spans = [*scan.thoughts, *((a.start, a.end) for a in asked)]
    spans += [(broken.start, len(text)) for broken in scan.broken]
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if end > at:
            begin = max(start, at)
            parts += [text[at:begin], re.sub(r"[^\n]", " ", text[begin:end])]
            at = end
    return "".join([*parts, text[at:]])


def _edits(text: str, *, examples: bool) -> tuple[tuple[Edit, ...], EditError | None]:
    try:
        return parse_edits(text, examples=examples), None
    except EditError as error:
        return (), error


def _only_seen(text: str, scan: Scan, edits: Sequence[Edit]) -> bool:
    """Whether the edits are an example, an echo, or a draft in a thought that goes on."""
    at = _position(text, edits)
    if is_shown_edit(text, at):
        return True
    ends = list(_ENDS_EDIT.finditer(text))
    return at > scan.open_thought >= 0 and bool(ends) and bool(text[ends[-1].end() :].strip())


def _position(text: str, edits: Sequence[Edit]) -> int:
    """About where the first edit stands: its path, or its block."""
    at = text.find(edits[0].path) if edits[0].path else -1
    block = re.compile(r"^(?:<{5,9}|`{3}|~{3}|--- |@@|\*\*\* )", re.MULTILINE).search(text)
    found = [p for p in (at, block.start() if block else -1) if p >= 0]
    return min(found, default=0)


def _of_edits(edits: tuple[Edit, ...], words: str, cut: bool, dropped: int) -> Reading:
    if cut:
        return Reading(refusal=Refusal("truncated", TRUNCATED), text=words)
    return Reading(edits=edits, text=words, dropped=dropped)


def _of_calls(
    asked: Sequence[Asked],
    broken: Sequence[Broken],
    names: Names,
    words: str,
    cut: bool,
    edits: int,
) -> Reading:
    calls: list[Call] = []
    refusal: Refusal | None = None
    for one in asked:
        found = _checked(one, names, cut)
        if isinstance(found, Refusal):
            refusal = found
            break
        calls += found
    if refusal is None and broken:
        refusal = _of_broken(broken[0], names, cut)
    kept = independent(without_repeats(calls), names.all())
    dropped = len(asked) + len(broken) + edits - len(kept)
    changes = any(tool.mutates for call in kept if (tool := names.find(call.tool)))
    if refusal and (changes or not kept):
        return Reading(refusal=refusal, text=words)
    repeats = len(calls) - len(without_repeats(calls))
    return Reading(calls=kept, text=words, dropped=max(dropped - repeats, 0))


def _checked(asked: Asked, names: Names, cut: bool) -> tuple[Call, ...] | Refusal:
    tool = names.find(asked.name)
    if tool is None:
        return names.unknown(asked.name)
    if cut and tool.mutates:
        return Refusal("truncated", TRUNCATED)
    return checked(asked, tool)


def _of_broken(broken: Broken, names: Names, cut: bool) -> Refusal:
    if broken.cut or cut:
        return Refusal("truncated", TRUNCATED)
    if names.find(broken.name) is None:
        return names.unknown(broken.name)
    return Refusal("unfit", _UNREADABLE.format(name=broken.name))


def _without_calls(
    scan: Scan, trouble: EditError | None, names: Names, text: str, cut: bool
) -> Reading:
    """A reply without calls and edits: a shell command, an edit that is amiss, or just words."""
    words = _words(text)
    if cut:
        return Reading(refusal=Refusal("truncated", TRUNCATED), text=words)
    if not words.strip() and not text.strip():
        return Reading(refusal=Refusal("empty", _EMPTY))
    if COMMAND_TOOL in names:
        return _as_command(scan, trouble, names, words, text)
    if trouble:
        return Reading(refusal=_refusal(trouble), text=words)
    return Reading(text=words)


def _as_command(
    scan: Scan, trouble: EditError | None, names: Names, words: str, text: str
) -> Reading:
    if trouble:
        return Reading(refusal=_refusal(trouble), text=words)
    command = command_in(scan.blocks)
    if isinstance(command, Refusal):
        return Reading(refusal=command, text=words)
    if command is None or is_shown(command, text, names.find(command.name)):
        return Reading(text=words)
    return _of_calls([command], [], names, words, cut=False, edits=0)


def _refusal(error: EditError) -> Refusal:
    return Refusal(reason_of(error.reason), str(error))


def _words(text: str) -> str:
    """What is left for a person."""
    text = _HARMONY_HEAD.sub("", text)
    return _HARMONY.sub("", text).strip()
