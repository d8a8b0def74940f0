"""The author's folder: the published repository, the staged change, the keys.

DIR/repository/   static files, as they go to the web server
DIR/staged/       the change that is being signed; travels between the signers by git or mail
DIR/root.json     the first root: goes onto every device, by fleet management
DIR/exceptions-key.json  whose key may sign exceptions (public); the next signed policy says so
DIR/granted.json  what was granted, by whom and why
DIR/keys/         locked private keys, 0600, kept out of git and never inside the repository
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from policy_schema.authoring.files import read_folders, write_file
from policy_schema.document.source import read_document
from policy_schema.errors import BadFile, PolicyError
from policy_schema.trust.layout import LIMITS, POLICY_LIMIT, Role, metadata_path, write_order
from policy_schema.trust.library import Key
from policy_schema.trust.staging import STAGED_ROOT

EXCEPTIONS_KEY = "exceptions-key.json"
LOCK = ".interdict-publishing"
"""A file beside the repository: a console and these commands write one after the other."""
LIMIT = max(POLICY_LIMIT, *LIMITS.values())
REPOSITORY = ("metadata/*.json", "targets/*.json")


class NotARepository(PolicyError):
    """A folder is not what `init` makes."""

    default_advice = "make one with `interdict-policy init DIR`, or go to the folder that has `repository` in it"


class Workspace:
    """One author's folder. Reads everything at once: it is small."""

    def __init__(self, folder: Path, keys: Path | None = None) -> None:
        self.folder = folder
        self.repository = folder / "repository"
        self.staged_folder = folder / "staged"
        self.keys = keys or folder / "keys"
        self.first_root = folder / "root.json"
        self._refuse_keys_in_repository()

    @classmethod
    def existing(cls, folder: Path, keys: Path | None = None) -> Workspace:
        """The folder of a repository that was initialised.

        Raises:
            NotARepository: it was not.
        """
        space = cls(folder, keys)
        first = (space.repository / metadata_path(Role.ROOT, 1), space.staged_folder / STAGED_ROOT)
        if not any(path.is_file() for path in first):
            raise NotARepository(f"{folder}: there is no policy repository here")
        return space

    def published(self) -> dict[str, bytes]:
        """The files of the repository.

        Raises:
            BadFile: one cannot be read.
        """
        return read_folders(self.repository, REPOSITORY, LIMIT)

    def staged(self) -> dict[str, bytes]:
        """The files of the staged change; empty when there is none.

        Raises:
            BadFile: one cannot be read.
        """
        return read_folders(self.staged_folder, ("*.json",), LIMIT)

    def trust(self) -> bytes:
        """The first root.

        Raises:
            BadFile: it cannot be read.
        """
        return read_document(self.repository / metadata_path(Role.ROOT, 1), LIMITS[Role.ROOT])

    def exceptions_key(self) -> Key | None:
        """Whose key the next policy lets sign exceptions; None: nobody's.

        Raises:
            BadFile: the file is there and is no public key.
        """
        path = self.folder / EXCEPTIONS_KEY
        if not path.exists():
            return None
        try:
            fields = json.loads(read_document(path, LIMITS[Role.ROOT]))
            return Key.from_dict(fields.pop("keyid"), fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadFile(f"{path}: is not a public key", "run `interdict-policy keys delegate NAME`") from error

    def write_exceptions_key(self, key: Key) -> None:
        """Names whose key may sign exceptions.

        Raises:
            BadFile: the disk refuses.
        """
        fields = {"keyid": key.keyid, **key.to_dict()}
        write_file(self.folder / EXCEPTIONS_KEY, json.dumps(fields, indent=1).encode() + b"\n")

    def write_first_root(self, content: bytes) -> None:
        """Writes `root.json`, which goes onto every device.

        Raises:
            BadFile: the disk refuses.
        """
        write_file(self.first_root, content)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else on this machine writes into the repository meanwhile: the timer that renews, another command, a
        console that publishes (which takes the same lock).

        Raises:
            BadFile: the folder cannot be written to.
        """
        if sys.platform == "win32":
            yield
        else:
            from fcntl import LOCK_EX, flock

            try:
                descriptor = os.open(self.folder / LOCK, os.O_CREAT | os.O_RDWR, 0o660)
            except OSError as error:
                raise BadFile(f"{self.folder / LOCK}: {error.strerror}", "check who may write there") from error
            try:
                flock(descriptor, LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    def write_published(self, files: Mapping[str, bytes]) -> None:
        """Adds files to the repository, each after those that it refers to, the timestamp last.

        Raises:
            BadFile: the disk refuses.
        """
        for path in sorted(files, key=write_order):
            write_file(self.repository / path, files[path])

    def write_staged(self, files: Mapping[str, bytes]) -> None:
        """Keeps exactly these files as the staged change.

        Raises:
            BadFile: the disk refuses.
        """
        for name in sorted(files):
            write_file(self.staged_folder / name, files[name])
        for name in set(self.staged()) - set(files):
            try:
                (self.staged_folder / name).unlink()
            except OSError as error:
                raise BadFile(f"{self.staged_folder / name}: {error.strerror}") from error

    def _refuse_keys_in_repository(self) -> None:
        inside = self.keys.resolve()
        if inside.is_relative_to(self.repository.resolve()):
            raise BadFile(f"{self.keys}: inside the published repository", "keep the keys in another folder")
