"""Random sessions against a model: every snapshot names one tree, and brings exactly it back.

The model reads the disk by an independent walk and states the rules of coverage in a few lines.
`SNAPSHOT_EXAMPLES=2000 pytest tests/checkpoints/test_snapshots_machine.py` runs it longer.
"""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from greenloop.checkpoints.snapshots import cache as snapshot_cache
from greenloop.checkpoints.snapshots.manifest import object_id
from greenloop.checkpoints.snapshots.store import SnapshotStore
from greenloop.errors import StorageError

EXAMPLES = int(os.environ.get("SNAPSHOT_EXAMPLES", "30"))
QUICK_NS = 30_000_000
"""Instead of two seconds: what is older than a file system's tick, so that caches are used."""
RULES = b"*.ign\nout/\n"
NAMES: tuple[bytes, ...] = (
    b"a", b"A", b"two words", b"-rf", b"new\nline", "ä".encode(), b"#no", b"x.ign", b"out",
    b"...", b"b",
)  # fmt: skip
if sys.platform != "darwin":  # whose file system wants UTF-8
    NAMES = (*NAMES, b"\xff\xfe")
CONTENTS = (b"", b"text\n", b"text\r\n", b"\0\xff", b"$Id$\n", b"x" * 5000, b"same length A")
FILE_MODES = (0o644, 0o755, 0o600, 0o640, 0o444)
FOLDER_MODES = (0o755, 0o700, 0o750)
TARGETS = (b"nowhere", b"a", b"..", b"/")

What = tuple[str, int, bytes]
"""Kind (`file`, `link`, `folder`), permission bits, and content or target."""
Tree = dict[bytes, What]

places = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(b"/".join)
some = st.integers(min_value=0, max_value=10**6)


def walk(top: bytes) -> Tree:
    """Everything below a folder but its `.git`; a nested repository is one folder named `.git`."""
    found: Tree = {}
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        for name in os.listdir(top + b"/" + folder):  # noqa: PTH208 - bytes
            path = folder + b"/" + name if folder else name
            full = top + b"/" + path
            mode = os.lstat(full).st_mode
            if stat.S_ISLNK(mode):
                found[path] = ("link", 0, os.readlink(full))  # noqa: PTH115 - bytes
            elif stat.S_ISDIR(mode):
                found[path] = ("folder", mode & 0o777, b"")
                if name != b".git":
                    waiting.append(path)
            else:
                found[path] = ("file", mode & 0o777, Path(os.fsdecode(full)).read_bytes())
    return {path: what for path, what in found.items() if path != b".git"}


def above(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    return [b"/".join(parts[:n]) for n in range(1, len(parts))]


def ignored(path: bytes, tree: Tree) -> bool:
    for here in (*above(path), path):
        folder = here != path or tree.get(path, ("file",))[0] == "folder"
        if here.endswith(b".ign") or (here.rpartition(b"/")[2] == b"out" and folder):
            return True
    return False


def nested(path: bytes, tree: Tree) -> bool:
    return any(here + b"/.git" in tree for here in (*above(path), path))


def recorded(tree: Tree) -> Tree:
    """What a snapshot of this tree holds."""
    mine = {p: w for p, w in tree.items() if not ignored(p, tree) and not nested(p, tree)}
    files = {path: what for path, what in mine.items() if what[0] != "folder"}
    full = {folder for path in files for folder in above(path)}
    bare = {path for path, what in mine.items() if what[0] == "folder" and path not in full}
    foreign = tree.keys() - mine.keys()
    spoilt = {folder for path in foreign for folder in above(path)} & bare
    spoilt |= {path for path in bare if spoilt.intersection(above(path))}
    empty = {path for path in bare - spoilt if not any(path in above(p) for p in tree)}
    kept = full | empty | {folder for path in empty for folder in above(path)}
    return files | {path: tree[path] for path in kept}


def foreign(tree: Tree) -> Tree:
    """Files that snapshots leave alone."""
    return {
        path: what
        for path, what in tree.items()
        if what[0] != "folder" and (ignored(path, tree) or nested(path, tree))
    }


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.before, snapshot_cache.RACY_NS = snapshot_cache.RACY_NS, QUICK_NS
        self.root = Path(tempfile.mkdtemp())
        self.work = self.root / "work"
        self.work.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=self.work, check=True)
        (self.work / ".gitignore").write_bytes(RULES)
        self.top = os.fsencode(self.work)
        self.store = SnapshotStore(self.root / "store", self.work)
        self.trees: dict[str, Tree] = {}

    def teardown(self) -> None:
        snapshot_cache.RACY_NS = self.before
        shutil.rmtree(self.root)

    def take(self) -> str:
        snapshot = self.store.take()
        tree = recorded(walk(self.top))
        assert self.trees.setdefault(snapshot, tree) == tree
        same = [known for known, other in self.trees.items() if other == tree]
        assert same == [snapshot]
        return snapshot

    def pick(self, number: int) -> str:
        return sorted(self.trees)[number % len(self.trees)]

    def some_path(self, number: int, tree: Iterable[bytes]) -> bytes:
        paths = sorted(set(tree) - {b".gitignore"}) or [b"none"]
        return paths[number % len(paths)]

    def ready(self, path: bytes) -> bool:
        """Whether real folders lead to the path, which are made; no nested repository's."""
        for folder in above(path):
            full = self.top + b"/" + folder
            if os.path.lexists(full + b"/.git"):
                return False
            if not os.path.lexists(full):
                os.mkdir(full)  # noqa: PTH102 - bytes
            elif not stat.S_ISDIR(os.lstat(full).st_mode):
                return False
        return True

    def clear(self, path: bytes) -> bytes:
        full = self.top + b"/" + path
        if os.path.lexists(full):
            if stat.S_ISDIR(os.lstat(full).st_mode):
                shutil.rmtree(full)
            else:
                os.unlink(full)  # noqa: PTH108 - bytes
        return full

    @rule(path=places, content=st.sampled_from(CONTENTS), mode=st.sampled_from(FILE_MODES))
    def write(self, path: bytes, content: bytes, mode: int) -> None:
        if self.ready(path):
            full = Path(os.fsdecode(self.clear(path)))
            full.write_bytes(content)
            full.chmod(mode)

    @rule(number=some, content=st.sampled_from(CONTENTS))
    def edit(self, number: int, content: bytes) -> None:
        tree = walk(self.top)
        path = self.some_path(number, (p for p in tree if tree[p][0] == "file"))
        full = Path(os.fsdecode(self.top + b"/" + path))
        if full.exists():
            mode = full.stat().st_mode & 0o777
            full.chmod(0o600)
            full.write_bytes(content)
            full.chmod(mode)

    @rule(path=places, points=st.sampled_from(TARGETS))
    def link(self, path: bytes, points: bytes) -> None:
        if self.ready(path):
            os.symlink(points, self.clear(path))  # noqa: PTH211 - bytes

    @rule(path=places, mode=st.sampled_from(FOLDER_MODES))
    def folder(self, path: bytes, mode: int) -> None:
        if self.ready(path + b"/") and path.rpartition(b"/")[2] != b".git":
            Path(os.fsdecode(self.top + b"/" + path)).chmod(mode)

    @rule(number=some)
    def delete(self, number: int) -> None:
        self.clear(self.some_path(number, walk(self.top)))

    @rule(number=some, path=places, case=st.booleans())
    def rename(self, number: int, path: bytes, case: bool) -> None:
        old = self.some_path(number, walk(self.top))
        folder, slash, name = old.rpartition(b"/")
        new = folder + slash + name.swapcase() if case else path
        inside = new == old or old in above(new) or new in above(old)
        if os.path.lexists(self.top + b"/" + old) and not inside and self.ready(new):
            if not case:
                self.clear(new)
            if not os.path.lexists(self.top + b"/" + new):
                os.rename(self.top + b"/" + old, self.top + b"/" + new)  # noqa: PTH104 - bytes

    @rule(number=some, mode=st.sampled_from(FILE_MODES), folder=st.sampled_from(FOLDER_MODES))
    def chmod(self, number: int, mode: int, folder: int) -> None:
        tree = walk(self.top)
        path = self.some_path(number, tree)
        if path in tree and tree[path][0] != "link":
            bits = folder if tree[path][0] == "folder" else mode
            Path(os.fsdecode(self.top + b"/" + path)).chmod(bits)

    @rule(path=places)
    def make_repository(self, path: bytes) -> None:
        if path.count(b"/") < 1 and self.ready(path + b"/"):
            full = Path(os.fsdecode(self.top + b"/" + path))
            subprocess.run(["git", "init", "-q", "--template="], cwd=full, check=True)

    @rule()
    def wait(self) -> None:
        time.sleep(1.5 * QUICK_NS / 1e9)

    @rule()
    def reopen(self) -> None:
        self.store = SnapshotStore(self.root / "store", self.work)

    @rule()
    def step(self) -> None:
        self.take()

    @precondition(lambda self: self.trees)
    @rule(number=some)
    def rewind(self, number: int) -> None:
        self.take()
        snapshot, before = self.pick(number), walk(self.top)
        try:
            self.store.restore(snapshot)
        except StorageError as error:
            assert "in the way" in str(error)
            assert foreign(before).items() <= walk(self.top).items()
            self.clear_all()
            return
        after = walk(self.top)
        files = {p: w for p, w in recorded(after).items() if w[0] != "folder"}
        wanted = {p: w for p, w in self.trees[snapshot].items() if w[0] != "folder"}
        assert files.items() <= wanted.items()
        assert wanted.items() <= after.items()
        assert foreign(before) == foreign(after)
        folders = {p: w for p, w in self.trees[snapshot].items() if w[0] == "folder"}
        assert folders.items() <= after.items()
        if recorded(after) == self.trees[snapshot]:
            assert self.take() == snapshot

    @precondition(lambda self: self.trees)
    @rule(number=some, which=some)
    def undo_paths(self, number: int, which: int) -> None:
        now = self.take()
        snapshot = self.pick(number)
        changed = self.store.changed(snapshot, now)
        if not changed:
            return
        path = changed[which % len(changed)].path
        try:
            self.store.restore_paths(snapshot, [path])
        except StorageError as error:
            assert "in the way" in str(error)
            self.clear_all()
            return
        want = self.trees[snapshot].get(os.fsencode(path))
        if want is None or want[0] != "folder":
            assert walk(self.top).get(os.fsencode(path)) == want

    @precondition(lambda self: self.trees)
    @rule(number=some)
    def fork(self, number: int) -> None:
        other, snapshot = self.root / "other", self.pick(number)
        shutil.rmtree(other, ignore_errors=True)
        other.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=other, check=True)
        fork = SnapshotStore(self.root / "store", other)
        fork.restore(snapshot)
        assert walk(os.fsencode(other)) == self.trees[snapshot]
        assert fork.take() == snapshot

    @precondition(lambda self: len(self.trees) > 1)
    @rule(below=some, source=some, which=st.lists(some, max_size=3))
    def overlay(self, below: int, source: int, which: list[int]) -> None:
        low, high = self.pick(below), self.pick(source)
        changed = self.store.changed(low, high)
        paths = {changed[number % len(changed)].path for number in which if changed}
        entries = self.store.entries(self.store.overlay(low, high, sorted(paths)))
        for path in paths:
            want = self.trees[high].get(os.fsencode(path))
            got = entries.get(path)
            if want is None or want[0] == "folder":
                assert got is None
            else:
                assert got is not None
                assert (got.oid, got.mode) == (object_id("blob", want[2]), want[1])
        old = self.store.entries(low)
        added = {path for path in paths if path in entries}
        for path in old.keys() - paths:
            clash = any(p.startswith(f"{path}/") or path.startswith(f"{p}/") for p in added)
            assert (path in entries) != clash
            assert clash or entries[path] == old[path]

    @rule(
        path=places, content=st.sampled_from(CONTENTS), number=some, deletes=st.booleans(),
        mode=st.sampled_from((None, 0o600, 0o755)),
    )  # fmt: skip
    def compose(
        self, path: bytes, content: bytes, number: int, deletes: bool, mode: int | None
    ) -> None:
        now = self.take()
        tree = self.trees[now]
        contents: dict[str, tuple[bytes, int | None] | None] = {}
        gone = self.some_path(number, (p for p in tree if tree[p][0] != "folder"))
        if deletes and gone in tree:
            contents[os.fsdecode(gone)] = None
        kind = walk(self.top).get(path, ("file",))[0]
        if kind == "file" and path != gone and self.reachable(path):
            contents[os.fsdecode(path)] = content, mode
        expected = self.store.compose(now, contents)
        assert recorded(walk(self.top)) == tree
        for name, what in contents.items():
            full = self.work / name
            if what is None:
                full.unlink()
                continue
            full.parent.mkdir(parents=True, exist_ok=True)
            bits = full.stat().st_mode & 0o777 if full.exists() else None
            full.unlink(missing_ok=True)
            full.write_bytes(what[0])
            wanted = what[1] if what[1] is not None else bits
            if wanted is not None:
                full.chmod(wanted)
        self.trees.setdefault(expected, recorded(walk(self.top)))
        assert self.take() == expected

    @precondition(lambda self: self.trees)
    @rule(keep=st.lists(some, max_size=3))
    def prune(self, keep: list[int]) -> None:
        kept = {self.pick(number) for number in keep}
        self.store.prune([*kept, "0" * 40])
        for snapshot in list(self.trees):
            assert self.store.has(snapshot) == (snapshot in kept)
            if snapshot not in kept:
                del self.trees[snapshot]
        for snapshot in kept:
            tree = self.trees[snapshot]
            files = {path for path in tree if tree[path][0] != "folder"}
            assert set(map(os.fsencode, self.store.paths(snapshot))) == files
            for path in files:
                assert self.store.read(snapshot, os.fsdecode(path)) == tree[path][2]

    def reachable(self, path: bytes) -> bool:
        folders = [self.top + b"/" + folder for folder in above(path)]
        real = [os.lstat(f).st_mode for f in folders if os.path.lexists(f)]
        return all(stat.S_ISDIR(mode) for mode in real) and not any(
            os.path.lexists(folder + b"/.git") for folder in folders
        )

    def clear_all(self) -> None:
        """Begin anew: what stood in the way would do so again and again."""
        for path in [p for p in walk(self.top) if b"/" not in p and p != b".gitignore"]:
            self.clear(path)
        (self.work / ".gitignore").write_bytes(RULES)


@pytest.mark.usefixtures("own_environment")
def test_sessions() -> None:
    Sessions.TestCase.settings = settings(
        max_examples=EXAMPLES,
        phases=(Phase.generate,),
        stateful_step_count=40,
        deadline=None,
        derandomize="SNAPSHOT_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    Sessions.TestCase().runTest()
