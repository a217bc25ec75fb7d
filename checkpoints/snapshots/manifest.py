"""A snapshot in memory, and its form in git: an outer tree of `files` and `meta`.

`files` is an ordinary git tree. Git keeps only 644 and 755 and no empty folders, so `meta`, a
JSON blob, holds the permission bits that differ from the commonest ones and the empty folders.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from greenloop.errors import StorageError

META_VERSION = 1
FILE, PROGRAM, LINK, FOLDER = "100644", "100755", "120000", "40000"
"""Modes of tree entries (gitformat-index(5))."""
OWNER_RUNS = 0o100
"""The one permission bit that git keeps."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a symbolic link."""

    oid: str
    """Id of the blob: the file's bytes, or the link's target."""
    mode: int
    """Permission bits (rwx for owner, group, others); 0 for a link, which has none of its own."""
    link: bool = False

    @property
    def git_mode(self) -> str:
        """The mode that git's tree can hold."""
        if self.link:
            return LINK
        return PROGRAM if self.mode & OWNER_RUNS else FILE


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that a snapshot holds.

    Paths are relative, `/`-separated and decoded as by `os.fsdecode`: bytes that are no UTF-8
    become lone surrogates.
    """

    entries: Mapping[str, Entry]
    folders: Mapping[str, int]
    """Permission bits of every folder that holds an entry or is empty, without the root."""

    @property
    def empty(self) -> frozenset[str]:
        """Folders with nothing in them."""
        return frozenset(self.folders) - ancestors(self.entries) - ancestors(self.folders)


def ancestors(paths: Iterable[str]) -> set[str]:
    """All folders above the paths, without the root."""
    direct = {path.rpartition("/")[0] for path in paths}
    found: set[str] = set()
    for lowest in direct:
        folder = lowest
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def overlaid(below: Manifest, above: Manifest, paths: frozenset[str]) -> Manifest:
    """The manifest below, with these files as the one above has them, or without them."""
    added = {path: above.entries[path] for path in paths if path in above.entries}
    return merged(below, added, paths, {**above.folders, **below.folders})


def merged(
    below: Manifest, added: Mapping[str, Entry], paths: Iterable[str], modes: Mapping[str, int]
) -> Manifest:
    """The manifest below without `paths`, then with `added`.

    What stands in the way of an added file goes: a file where a folder must be, or a folder's
    content where a file must be.

    Args:
        below: What to begin with.
        added: Files and links by path.
        paths: Those that go, or are added.
        modes: Permission bits of the folders that there may be.
    """
    gone = {*paths, *ancestors(added)}
    entries = {path: entry for path, entry in below.entries.items() if path not in gone}
    # A set of names is cheaper to ask than every path's folders.
    if not ancestors(entries).isdisjoint(added):
        entries = {p: e for p, e in entries.items() if ancestors([p]).isdisjoint(added)}
    entries.update(added)
    kept = {path for path in below.empty if path not in entries}
    kept = {path for path in kept if ancestors([path]).isdisjoint(added)} | ancestors(entries)
    kept |= ancestors(kept)
    return Manifest(entries, {folder: modes[folder] for folder in kept})


def object_id(kind: str, data: bytes) -> str:
    """Git's name for an object: SHA-1 over its header and content (gitformat-loose(5))."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


def differing(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> set[str]:
    """The paths at which two lists of entries differ."""
    if old is new:
        return set()
    # Most entries are the same objects, which is cheap to see.
    paths = {p for p, e in new.items() if (other := old.get(p)) is not e and other != e}
    return paths | (old.keys() - new.keys())


def encode_meta(manifest: Manifest) -> bytes:
    """The side record: deterministic, so that the same files give the same id."""
    regular = [(path, entry.mode) for path, entry in manifest.entries.items() if not entry.link]
    files = {path: mode for path, mode in regular if not mode & OWNER_RUNS}
    programs = {path: mode for path, mode in regular if mode & OWNER_RUNS}
    usual = {
        "file": _commonest(files.values()),
        "program": _commonest(programs.values()),
        "folder": _commonest(manifest.folders.values()),
    }
    record = {
        "version": META_VERSION,
        **{kind: oct(mode) for kind, mode in usual.items()},
        "files": _odd(files, usual["file"]) | _odd(programs, usual["program"]),
        "folders": _odd(manifest.folders, usual["folder"]),
        "empty": sorted(manifest.empty),
    }
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode("ascii")


def decode(rows: Iterable[tuple[str, str, str]], meta: bytes) -> Manifest:
    """The manifest from `files`, as rows of git mode, id and path, and from `meta`.

    Raises:
        StorageError: the side record was written by another version, or is no record.
    """
    try:
        record = json.loads(meta)
        if record["version"] != META_VERSION:
            raise StorageError("the snapshot was made by another version of greenloop: upgrade it")
        usual = {FILE: int(record["file"], 8), PROGRAM: int(record["program"], 8), LINK: 0}
        odd = {path: int(mode, 8) for path, mode in record["files"].items()}
        entries = {
            path: Entry(oid, odd.get(path, usual[mode]), mode == LINK) for mode, oid, path in rows
        }
        names = ancestors(entries) | ancestors(record["empty"]) | set(record["empty"])
        folders = dict.fromkeys(names, int(record["folder"], 8))
        folders |= {path: int(mode, 8) for path, mode in record["folders"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError("the snapshot's side record is damaged: take a new one") from error
    return Manifest(entries, folders)


def _commonest(modes: Iterable[int]) -> int:
    """The value that occurs most often, the smaller one of equals; 0 for none."""
    counts = Counter(modes)
    return min(counts, key=lambda mode: (-counts[mode], mode), default=0)


def _odd(modes: Mapping[str, int], usual: int) -> dict[str, str]:
    return {path: oct(mode) for path, mode in modes.items() if mode != usual}


__all__ = [
    "FOLDER",
    "Entry",
    "Manifest",
    "ancestors",
    "decode",
    "differing",
    "encode_meta",
    "object_id",
]
