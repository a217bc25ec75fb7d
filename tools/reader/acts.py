"""Calls as what the rest of the program carries out: edits of files, and lookups."""

from collections.abc import Sequence

from greenloop.tools.edits import Edit, SearchReplace, WholeFile
from greenloop.tools.lookups import Lookup
from greenloop.tools.reader.base import Call


def as_edits(calls: Sequence[Call]) -> tuple[Edit, ...]:
    """The edits that `edit_file` and `write_file` calls ask for, in order; others are left out.

    An `edit_file` call names a piece of text, not whole lines: it must occur once in the file,
    or `replace_all` must be given.
    """
    edits: list[Edit] = []
    for call in calls:
        given = call.arguments
        if call.tool == "write_file":
            edits.append(WholeFile(str(given["path"]), str(given["content"])))
        elif call.tool == "edit_file":
            old, new = str(given["old_string"]), str(given["new_string"])
            every = given.get("replace_all") is True
            edits.append(SearchReplace(str(given["path"]), old, new, inline=True, every=every))
    return tuple(edits)


def as_lookups(calls: Sequence[Call]) -> tuple[Lookup, ...]:
    """The lookups that `read_file`, `list_dir` and `search` calls ask for; others are left out."""
    found: list[Lookup] = []
    for call in calls:
        given = call.arguments
        if call.tool == "read_file":
            start, end = given.get("start_line"), given.get("end_line")
            first = max(start, 1) if isinstance(start, int) else 1
            last = end if isinstance(end, int) and end >= first else None
            found.append(Lookup("READ", str(given["path"]), first, last))
        elif call.tool == "list_dir":
            found.append(Lookup("LIST", str(given["path"])))
        elif call.tool == "search":
            found.append(Lookup("GREP", str(given["pattern"])))
    return tuple(found)
