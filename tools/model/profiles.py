"""Profiles on the disk, one file for each model digest: a new pull of a model is a new model."""

import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import get_args

from greenloop.errors import EditError, ModelNotFoundError, StorageError
from greenloop.tools.atomic import Replacement, replace_all
from greenloop.tools.confine import Root
from greenloop.tools.model.families import family_profile
from greenloop.tools.model.profile import Profile, Source
from greenloop.tools.model.server import Server

FORMAT = 1
"""Raised when a field of `Profile` changes its meaning; files of another format are ignored."""

_DIGEST = re.compile(r"[0-9a-f]{12,128}")
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ProfileStore:
    """The profiles that probes have found."""

    folder: Path
    """Made on first use."""

    def load(self, digest: str) -> Profile | None:
        """The profile of the model with that digest; None if there is none that can be read."""
        if not _DIGEST.fullmatch(digest):
            return None
        try:
            with self._file(digest).open("rb") as file:
                stored = json.loads(file.read(_MOST_BYTES))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            return None
        return profile_from(stored.get("profile"))

    def save(self, digest: str, model: str, profile: Profile) -> None:
        """Keep a profile; the old one stays whole until the new one is on the disk.

        Args:
            digest: of the model, in hexadecimal.
            model: its name, for people who look into the file.
            profile: what was found.

        Raises:
            StorageError: the server gave no digest, or the disk refuses.
        """
        if not _DIGEST.fullmatch(digest):
            raise StorageError(
                f"the profile of {model} cannot be kept: Ollama names no digest; update Ollama"
            )
        stored = {"format": FORMAT, "model": model, "profile": as_json(profile)}
        data = (json.dumps(stored, indent=2) + "\n").encode()
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._replace(self._file(digest).name, data)
        except (OSError, EditError) as error:
            raise StorageError(
                f"cannot write {self._file(digest)}: {error}; check the folder, or set "
                "another data_dir"
            ) from error

    def _file(self, digest: str) -> Path:
        return self.folder / f"{digest}.json"

    def _replace(self, name: str, data: bytes) -> None:
        with ExitStack() as held, ExitStack() as undo:
            place = Root(self.folder).place_to_write(name, held, undo)
            # None for what was there: a broken file is of no use to go back to.
            replace_all([Replacement(place, data, None)], undo)
            undo.pop_all()


def as_json(profile: Profile) -> dict[str, object]:
    """A profile as plain values, for `profile_from`."""
    return asdict(profile)


def profile_from(data: object) -> Profile | None:
    """A profile from plain values; None if one of them is of the wrong kind or out of range.

    Missing values are those of the default, unknown ones are left out: the file may be older or
    newer than this program.
    """
    if not isinstance(data, Mapping):
        return None
    known = {field.name: data[field.name] for field in fields(Profile) if field.name in data}
    if not all(_fits(getattr(Profile(), name), value) for name, value in known.items()):
        return None
    profile = Profile(**known)
    sound = profile.source in get_args(Source) and 1.0 <= profile.chars_per_token <= 20.0
    return profile if sound else None


def profile_for(server: Server, name: str, store: ProfileStore) -> Profile:
    """The profile to talk to a model by: what a probe found, else what its family is known for.

    Raises:
        ModelUnavailableError: the server does not answer.
        ModelNotFoundError: it does not have the model.
    """
    offered = server.find(name)
    if offered is None:
        raise ModelNotFoundError(
            f"Ollama at {server.where} does not have {name!r}: `ollama pull {name}`, or name "
            "another with --model"
        )
    stored = store.load(offered.digest)
    if stored is not None:
        return stored
    profile = family_profile(name, offered.family, offered.parameter_size)
    facts = server.show(name)
    if facts.capabilities is None:
        return profile
    return replace(profile, thinks=facts.can("thinking"))  # what the server lists is certain


def _fits(usual: object, value: object) -> bool:
    if isinstance(usual, bool) or isinstance(value, bool):
        return isinstance(usual, bool) and isinstance(value, bool)
    if isinstance(usual, str):
        return isinstance(value, str)
    wanted = (int, float) if isinstance(usual, float) else int
    return isinstance(value, wanted) and 0 <= value < 1e9
