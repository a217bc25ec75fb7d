"""Applying a reply's edits to the files: worked out and checked in memory, then all or nothing."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from greenloop.errors import EditError, StorageError
from greenloop.tools.edit_check import check_syntax
from greenloop.tools.edit_inline import replace_inline
from greenloop.tools.edit_kept import check_kept
from greenloop.tools.edit_match import lines_of, places, replace_once
from greenloop.tools.edit_paths import comment_path
from greenloop.tools.edits import Edit, SearchReplace, WholeFile
from greenloop.tools.files import Workspace

_EXAMPLE_FOLDER = re.compile(r"^(?:(?:path/to|your/path|some/path|example/path)/)+")
_EXAMPLE_NAME = re.compile(
    r"^(?:(?:your_?|my_?)?file_?name|(?:your_?|my_?)file|example_file|file)\.\w+$", re.IGNORECASE
)
_MAX_SEARCHED = 2000
"""Files looked into for a SEARCH without a path."""


@dataclass(slots=True)
class _Draft:
    before: str | None
    """None for a file that is not there yet."""
    text: str


def apply_edits(
    workspace: Workspace, edits: Sequence[Edit], protected: Callable[[str], bool]
) -> tuple[str, ...]:
    """Carry out the edits in order; the paths that changed, in the order they were first named.

    Nothing is written unless every edit fits and every file is sound afterwards; if a write
    fails, the files already written get their old bytes back.

    Raises:
        EditError, StorageError: see `work_out`.
    """
    texts = work_out(workspace, edits, protected)
    workspace.write_all(texts)
    return tuple(texts)


def work_out(
    workspace: Workspace, edits: Sequence[Edit], protected: Callable[[str], bool]
) -> dict[str, str]:
    """The texts that the edits lead to, by path; nothing is written.

    Args:
        workspace: the project's files.
        edits: several for one file build on each other.
        protected: whether a path, relative and with links followed, must not be changed.

    Raises:
        EditError: an edit does not fit; the message is for the model.
        StorageError: the machine refuses to read.
    """
    drafts: dict[str, _Draft] = {}
    for edit in dict.fromkeys(edits):  # models send the same block twice
        path = _path_of(workspace, drafts, edit, protected)
        draft = drafts.setdefault(path, _Draft(*_current(workspace, path)))
        draft.text = _edited(workspace, path, draft, edit)
    changed = {path: draft for path, draft in drafts.items() if draft.text != draft.before}
    if not changed:
        raise EditError("the edit changes nothing; send one that changes the code", "noop_edit")
    for path, draft in changed.items():
        check_syntax(path, draft.before, draft.text)
    return {path: draft.text for path, draft in changed.items()}


def _path_of(
    workspace: Workspace,
    drafts: dict[str, _Draft],
    edit: Edit,
    protected: Callable[[str], bool],
) -> str:
    """The file that an edit means, as the key of its draft."""
    if not edit.path and isinstance(edit, SearchReplace):
        return _only_file_with(workspace, edit.search, protected)
    named = workspace.relative(edit.path)
    if named not in drafts and not workspace.exists(named):
        named = _real_name(workspace, named)
    path = workspace.locate(named)
    if protected(path) or protected(named):
        raise EditError(
            f"{named} must not be changed: the tests are the judge; change the code under test"
        )
    return path


def _real_name(workspace: Workspace, path: str) -> str:
    """A missing path as it is, unless it was copied from an example in a prompt."""
    bare = _EXAMPLE_FOLDER.sub("", path)
    if bare != path and workspace.exists(bare):
        return bare
    if bare != path or _EXAMPLE_NAME.match(path):
        near = workspace.near_names(bare)
        hint = f", for example {', '.join(near)}" if near else ""
        raise EditError(
            f"{path} is a placeholder; use the file's real path{hint}", "placeholder_path"
        )
    return path


def _only_file_with(workspace: Workspace, search: str, protected: Callable[[str], bool]) -> str:
    wanted = lines_of(search)
    found = []
    if any(map(str.strip, wanted)):
        for _, path in zip(range(_MAX_SEARCHED), workspace.walk(), strict=False):
            if not protected(path) and _holds(workspace, path, wanted):
                found.append(path)
    if len(found) != 1:
        where = f"; it occurs in {', '.join(found[:4])}" if found else ""
        raise EditError(
            f"a SEARCH block has no path; write it on the line before{where}",
            "ambiguous" if found else "not_found",
        )
    return found[0]


def _holds(workspace: Workspace, path: str, wanted: list[str]) -> bool:
    try:
        return bool(places(lines_of(workspace.read(path).text), wanted))
    except (EditError, StorageError):  # binary, too large or unreadable: not the file meant
        return False


def _current(workspace: Workspace, path: str) -> tuple[str | None, str]:
    if not workspace.exists(path):
        return None, ""
    text = workspace.read(path).text
    return text, text


def _edited(workspace: Workspace, path: str, draft: _Draft, edit: Edit) -> str:
    if isinstance(edit, WholeFile):
        return _whole(path, draft, edit.text)
    if not edit.search.strip():
        return _created(path, draft.text, edit.replace)
    if draft.before is None and not draft.text:
        try:
            workspace.read(path)  # says that there is no such file, and which names are near
        except EditError as error:
            raise EditError(str(error), "not_found") from error
    return _replaced(path, draft.text, edit)


def _replaced(path: str, text: str, edit: SearchReplace) -> str:
    if edit.inline:
        return replace_inline(path, text, edit.search, edit.replace, every=edit.every)
    try:
        return replace_once(path, text, edit.search, edit.replace)
    except EditError as error:
        if error.reason != "not_found":
            raise
        for search, replace in edit.others:
            with suppress(EditError):
                return replace_once(path, text, search, replace)
        raise


def _whole(path: str, draft: _Draft, text: str) -> str:
    old = draft.text
    if old.strip() and not text.strip():
        raise EditError(f"the block for {path} is empty; write the whole file", "shrinks_file")
    check_kept(path, old, text)
    header = old.partition("\n")[0]
    if comment_path(header) == path and comment_path(text.partition("\n")[0]) != path:
        # The file itself begins with its path, which the reply had as the block's path.
        text = f"{header}\n{text}"
    if not old.endswith("\n") and lines_of(old)[-1:] == lines_of(text)[-1:]:
        return text.removesuffix("\n")
    return text


def _created(path: str, old: str, new: str) -> str:
    if old.strip():
        raise EditError(
            f"{path} exists and SEARCH is empty; copy into SEARCH the lines after which the new "
            "ones belong, and repeat them in REPLACE",
            "not_found",
        )
    return old + new
