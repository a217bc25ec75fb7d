"""The files of one project: read, write, edit, delete and list, never outside its folder.

What a model asks wrongly is an EditError in words for the model; what the machine refuses is a
StorageError.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path, PurePosixPath

from greenloop.errors import EditError, StorageError, WorkspaceError
from greenloop.tools.atomic import MAX_BYTES, Content, Replacement, read_content, replace_all
from greenloop.tools.confine import Place, Root, is_git_name, os_errors, remove_folder
from greenloop.tools.edit_match import lines_of, replace_once
from greenloop.tools.encoding import PLAIN, Decoded, Newline, decode, encode
from greenloop.tools.listing import Folder, folders

MAX_LISTED = 400
"""Entries in one listing."""
_MAX_COMPARED = 5000
"""Files looked at for names that resemble a wrong one."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file as it was read."""

    path: str
    """Where it really is, with all links followed; relative to the root."""
    text: str
    """With `\\n` as the only line end and without the byte order mark."""
    encoding: str
    newline: Newline
    """The most frequent line end in the file."""
    bom: bool
    mode: int
    """Permission bits."""
    sha256: str
    """Of the file's bytes, in hexadecimal."""


class Workspace:
    """A project's folder. Paths are relative to it, with forward slashes."""

    def __init__(self, root: Path) -> None:
        """Open the folder.

        Raises:
            WorkspaceError: it is missing, no folder, or cannot be read.
        """
        self._root = Root(root)

    @property
    def root(self) -> Path:
        """The folder's real absolute path."""
        return self._root.path

    def require_writable(self) -> None:
        """Check, before any work is done, that the folder can be written.

        Raises:
            WorkspaceError: it cannot.
        """
        if not os.access(self.root, os.W_OK):
            raise WorkspaceError(f"cannot write in {self.root}; check its permissions")

    def require_room(self) -> None:
        """Check, after a command has run, that it could write; else it may blame the code.

        Raises:
            StorageError: the disk is full or read-only.
        """
        with os_errors(".", "look at"):
            disk = os.statvfs(self.root)
        if disk.f_flag & os.ST_RDONLY:
            raise StorageError(f"the disk of {self.root} is read-only; see to it and resume")
        if disk.f_blocks and not disk.f_bavail:
            raise StorageError(f"the disk of {self.root} is full; free some space and resume")

    def relative(self, path: str) -> str:
        """The plain relative form of a path.

        Raises:
            EditError: it leaves the root, is empty or has control characters.
        """
        return self._root.relative(path)

    def locate(self, path: str) -> str:
        """Where a path really leads, with all links followed; it need not exist.

        Raises:
            EditError: the path or a link on it leaves the root.
            StorageError: the system refuses.
        """
        with os_errors(path, "find"):
            return self._root.locate(path)

    def exists(self, path: str) -> bool:
        """Whether the path names something that is there and inside the root."""
        try:
            with self._root.place(path) as place:
                return place.stat() is not None
        except (EditError, OSError):
            return False

    def read(self, path: str) -> TextFile:
        """Read a text file of at most 2 MiB.

        Raises:
            EditError: missing, not a regular file, binary, too large, or outside the root.
            StorageError: the system refuses to read it.
        """
        where, content = self._content(path)
        if content is None:
            raise EditError(self._no_such_file(path))
        form = _decoded(where, content)
        return TextFile(
            path=where,
            text=form.text,
            encoding=form.encoding,
            newline=form.newline,
            bom=form.bom,
            mode=content.mode,
            sha256=hashlib.sha256(content.data).hexdigest(),
        )

    def read_lines(self, path: str, start: int = 1, end: int | None = None) -> str:
        """Lines `start` to `end` (from 1, inclusive; None is the last), as `  12| text`.

        Raises:
            EditError: as for `read`, or the file has no such lines.
            StorageError: as for `read`.
        """
        lines = lines_of(self.read(path).text)
        last = len(lines) if end is None else min(end, len(lines))
        first = max(start, 1)
        if lines and first > last:
            asked = f"{start}-{'' if end is None else end}"
            raise EditError(f"{path} has {len(lines)} lines; there are no lines {asked}")
        return "\n".join(f"{n:>4}| {lines[n - 1]}" for n in range(first, last + 1))

    def write(self, path: str, text: str) -> None:
        """Replace or create one file; see `write_all`."""
        self.write_all({path: text})

    def write_all(self, contents: Mapping[str, str]) -> None:
        """Replace or create several files, all of them or none; missing folders are made.

        All texts are on the disk under temporary names before the first takes its place, and a
        failure after that puts the old bytes back. An existing file keeps its encoding, byte
        order mark, line ends and mode; a link stays and what it leads to is written. Hard links
        to the old file keep the old text.

        Raises:
            EditError: a path or text that cannot be written; nothing was.
            StorageError: the system refuses; nothing is left half-written.
        """
        with ExitStack() as held, ExitStack() as undo:
            staged = [self._replacement(*item, held, undo) for item in contents.items()]
            replace_all(staged, undo)
            undo.pop_all()

    def encoded(self, contents: Mapping[str, str]) -> dict[str, bytes]:
        """The bytes that `write_all` would write, by the paths that it would write to.

        Raises:
            EditError: a text that the file's encoding cannot hold, or that is too large.
            StorageError: the system refuses to read.
        """
        found = {}
        for path, text in contents.items():
            place, before = self._content(path)
            form = PLAIN if before is None else _decoded(place, before)
            found[place] = _encoded(place, text, form)
        return found

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace the one occurrence of `old`; failing that, lines alike but for blanks.

        Raises:
            EditError: `old` is absent or ambiguous; the message shows lines or a count.
            StorageError: as for `write_all`.
        """
        file = self.read(path)
        count = file.text.count(old) if old.strip() else 0
        if count > 1:
            raise EditError(f"the text occurs {count} times in {path}; include the lines around it")
        if count == 1:
            self.write(path, file.text.replace(old, new))
        else:
            self.write(path, replace_once(file.path, file.text, old, new))

    def delete(self, path: str) -> None:
        """Remove a file or link, and the folders that this leaves empty, as Git does.

        Raises:
            EditError: nothing is there, it is a folder, or it is inside `.git`.
            StorageError: the system refuses.
        """
        relative = self.relative(path)
        parent, _, name = relative.rpartition("/")
        # Only the folder is walked to: a link is removed itself, not what it leads to.
        with os_errors(relative, "delete"), self._root.place(parent or ".") as place:
            if any(map(is_git_name, [*place.path.split("/"), name])):
                raise EditError(f"{relative} is inside .git, which must not be changed")
            with place.folder() as fd:
                _unlink(Place(fd, name, relative))
        self._remove_empty(parent)

    def list(self, path: str = ".", depth: int = 2) -> tuple[str, ...]:
        """Files and folders (with a final slash) down to `depth` levels, sorted.

        At most MAX_LISTED entries, the nearest first; version control, caches, virtual
        environments and names with control characters are left out.

        Raises:
            EditError: no such folder, or it is a file.
            StorageError: the folder cannot be read.
        """
        found: list[str] = []
        for folder in folders(self._root, path, depth):
            names = sorted([*folder.files, *folder.links, *(f"{n}/" for n in folder.folders)])
            found += map(folder.join, names)
            if len(found) >= MAX_LISTED:
                break
        return tuple(sorted(found[:MAX_LISTED]))

    def walk(self, path: str = ".") -> Iterator[str]:
        """Every regular file that `list` would show, at any depth; links are left out."""
        for folder in folders(self._root, path):
            yield from map(folder.join, folder.files)

    def near_names(self, path: str) -> tuple[str, ...]:
        """Up to three existing files whose name or path resembles the given one."""
        files = list(islice(self.walk(), _MAX_COMPARED))
        name = PurePosixPath(path).name
        same = [file for file in files if PurePosixPath(file).name == name]
        close = get_close_matches(path, files, n=3, cutoff=0.6)
        return tuple(dict.fromkeys([*same, *close]))[:3]

    def sweep(self) -> int:
        """Remove the temporary files that killed processes left; returns how many."""
        with_strays = [folder for folder in folders(self._root) if folder.strays]
        return sum(self._sweep_folder(folder) for folder in with_strays)

    def _sweep_folder(self, folder: Folder) -> int:
        with (
            os_errors(folder.path, "clean"),
            self._root.place(folder.path) as place,
            place.folder() as fd,
        ):
            for name in folder.strays:
                os.unlink(name, dir_fd=fd)
        return len(folder.strays)

    def _content(self, path: str) -> tuple[str, Content | None]:
        with os_errors(self.relative(path), "read"):
            try:
                with self._root.place(path) as place:
                    return place.path, read_content(place)
            except FileNotFoundError:  # a folder on the way
                return path, None

    def _replacement(self, path: str, text: str, held: ExitStack, undo: ExitStack) -> Replacement:
        with os_errors(self.relative(path), "write"):
            place = self._root.place_to_write(path, held, undo)
            before = read_content(place)
        form = PLAIN if before is None else _decoded(place.path, before)
        return Replacement(place, _encoded(place.path, text, form), before)

    def _no_such_file(self, path: str) -> str:
        near = self.near_names(self.relative(path))
        hint = f"; near names: {', '.join(near)}" if near else ""
        return f"no such file: {path}{hint}"

    def _remove_empty(self, folder: str) -> None:
        while folder:
            parent, _, name = folder.rpartition("/")
            with self._root.place(parent or ".") as place, place.folder() as fd:
                if not remove_folder(fd, name):
                    return
            folder = parent


def _unlink(place: Place) -> None:
    status = place.stat()
    if status is None:
        raise EditError(f"no such file: {place.path}")
    if stat.S_ISDIR(status.st_mode):
        raise EditError(f"{place.path} is a folder; only files can be deleted")
    os.unlink(place.name, dir_fd=place.fd)


def _decoded(path: str, content: Content) -> Decoded:
    form = decode(content.data)
    if form is None:
        raise EditError(f"{path} is a binary file; it cannot be read or edited as text")
    return form


def _encoded(path: str, text: str, form: Decoded) -> bytes:
    try:
        data = encode(text, form)
    except UnicodeEncodeError as error:
        char = error.object[error.start]
        message = f"{path} is encoded as {form.encoding}, which cannot hold {char!a}; use ASCII"
        raise EditError(message) from error
    if len(data) > MAX_BYTES:
        raise EditError(f"the text for {path} is larger than {MAX_BYTES // 1024} KiB; write less")
    return data
