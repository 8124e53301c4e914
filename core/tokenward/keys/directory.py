"""A key ring in a directory of files, which survives restarts and crashes.

Reading and writing block: call them at start or in a thread.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tokenward.errors import ConfigurationError
from tokenward.jose.key import Key
from tokenward.keys.file_names import (
    FILE_NAME,
    LOCK_NAME,
    MANIFEST_NAME,
    is_leftover,
    is_own,
    new_name,
)
from tokenward.keys.files import (
    KeyFile,
    key_of,
    locked,
    path_in_errors,
    read_key_file,
    rendered,
    sync_directory,
    write_file,
)
from tokenward.keys.index import may_share_id
from tokenward.keys.manifest import (
    Row,
    key_named_by,
    parsed_manifest,
    rendered_manifest,
    row_of,
)
from tokenward.keys.ring import KeyRing
from tokenward.keys.ring_state import KeyEntry

__all__ = ["KeyDirectory"]


class KeyDirectory:
    """A directory with the keys of a ring, one in each file, and a manifest, ``ring.json``.

    ::

        directory = KeyDirectory("/etc/shop/keys")
        ring = directory.load()
        with directory.change() as ring:
            ring.rotate(Key.generate(), verify_for=timedelta(days=30), now=time.time())

    Keys are PEM files (``.pem``: PKCS #8 or SPKI, not encrypted) or JWKs (``.jwk.json``, RFC 7517).
    Without a manifest, each such file is a key: the only private key is active, the others verify.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Take the path. Nothing is read yet; `save` creates the directory if it does not exist."""
        self._path = Path(path)

    def load(self) -> KeyRing:
        """Return a ring of all keys.

        Raises:
            ConfigurationError: a file is missing, too large, outside of the directory or not the key
                that the manifest describes, the manifest is invalid, or the keys are not a ring.
            InvalidKeyError: a file holds no usable key, or a private key that others can read.

        Not checked: who can write to the files, and whether a key has expired, which engines check.
        """
        try:
            return self._load()
        except ConfigurationError:
            # Another process may have just saved a new set, and removed the files of the old one.
            return self._load()

    def reload(self, ring: KeyRing) -> None:
        """Read all keys, and then replace those of a ring in one step.

        Raises:
            ConfigurationError, InvalidKeyError: see `load`, or the ring has a `Signer`. The ring then
                keeps its keys.
        """
        _refuse_remote_signer(ring)
        ring.replace(self.load())

    @contextmanager
    def change(self, *, first: Key | None = None) -> Iterator[KeyRing]:
        """Load the keys, and save them at the end of the block, as one step.

        Other processes and threads that change or save the directory wait until the block has
        ended, so that no change is lost. If the block raises, nothing is saved. Do not call `save`
        in the block: it would wait for itself. Without ``flock``, as on Windows, they do not wait.

        Args:
            first: the key of a new ring, if the directory is empty or does not exist. None: such a
                directory is refused, as by `load`.

        Yields:
            A ring to change. A running service takes the changes over with `reload`.

        Raises:
            ConfigurationError, InvalidKeyError: see `load` and `save`.
            OSError: the directory cannot be written.
        """
        if first is not None:
            self._make()

        if not self._path.is_dir():
            msg = f"{str(self._path)!r} is not a directory."
            raise ConfigurationError(msg)

        with locked(self._path):
            ring = KeyRing(first) if first is not None and self._is_empty() else self._load()
            yield ring
            _refuse_remote_signer(ring)
            self._save(ring.entries())

    def signing_key_written_at(self) -> float | None:
        """Return when the file of the active key was written, in seconds since 1970.

        None without a manifest.

        Raises:
            ConfigurationError: the manifest is unusable.
        """
        if not (self._path / MANIFEST_NAME).exists():
            return None

        rows = parsed_manifest(self._read(MANIFEST_NAME))
        (name,) = [row.file for row in rows if row.state == "active"]
        return (self._path / name).stat().st_mtime

    def save(self, ring: KeyRing) -> None:
        """Write all keys; private keys and secrets unencrypted, in files that only the owner can read.

        The manifest is written last and in one step: after a crash, the directory holds the old set
        or the new one. Files that the old manifest named and the new one does not are removed; your
        own files, which no manifest named, stay. Several processes may save, one after the other;
        the last one wins. To change the keys in the directory, use `change`.

        Raises:
            ConfigurationError, InvalidKeyError: the ring could not be loaded again: a secret is too
                short, the ring has a `Signer` or does not know the time (see `KeyRing.entries`).
            OSError: the directory cannot be written.
        """
        _refuse_remote_signer(ring)
        ring.entries()
        self._make()
        with locked(self._path):
            # Read under the lock: if two threads save one ring, the last one saves its last state.
            self._save(ring.entries())

    def __repr__(self) -> str:
        """Show the path."""
        return f"KeyDirectory({str(self._path)!r})"

    def _make(self) -> None:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _is_empty(self) -> bool:
        """Whether the directory holds no files, except the lock and leftovers of a crash."""
        names = [path.name for path in self._path.iterdir() if path.name != LOCK_NAME]
        return MANIFEST_NAME not in names and all(map(is_leftover, names))

    def _save(self, entries: Sequence[KeyEntry]) -> None:
        """Write all keys. The caller holds the lock."""
        present = self._contents()
        planned = [self._planned(entry, present) for entry in entries]

        manifest = rendered_manifest([row for row, _, _ in planned])
        before = self._named_before()
        self._write([each for each in planned if each[1] not in present], manifest)
        self._sweep(before, kept={row.file for row, _, _ in planned})

    def _load(self) -> KeyRing:
        # A broken link counts as a manifest that cannot be read.
        entries = (
            self._named_entries()
            if os.path.lexists(self._path / MANIFEST_NAME)
            else self._plain_entries()
        )

        _refuse_duplicates(self._path, [(name, entry.key) for name, entry in entries])
        with path_in_errors(self._path / MANIFEST_NAME):
            return KeyRing.from_entries([entry for _, entry in entries])

    def _named_entries(self) -> list[tuple[str, KeyEntry]]:
        """Read the keys that the manifest names."""
        found = []
        for row in parsed_manifest(self._read(MANIFEST_NAME)):
            key = key_named_by(row, self._read(row.file))
            found.append((row.file, KeyEntry(key, row.state, row.verify_until)))
        return found

    def _plain_entries(self) -> list[tuple[str, KeyEntry]]:
        """Read the keys of a directory without a manifest."""
        keys = {name: key_of(self._read(name)) for name in self._names() if not is_own(name)}
        if not keys:
            msg = f"{str(self._path)!r} holds no keys: neither ring.json nor *.pem or *.jwk.json."
            raise ConfigurationError(msg)

        signing = [name for name, key in keys.items() if key.can_sign]
        if len(signing) > 1:
            msg = (
                f"{str(self._path)!r} holds several private keys ({', '.join(map(repr, signing))}): "
                "keep one and the public halves of the others, or name the active one in ring.json."
            )
            raise ConfigurationError(msg)

        # If all keys are public, the ring only verifies, and any of them can be the active one.
        active = (signing or list(keys))[0]
        return [
            (name, KeyEntry(key, "active" if name == active else "verify-only", None))
            for name, key in keys.items()
        ]

    def _read(self, name: str) -> KeyFile:
        return read_key_file(self._path / name, within=self._path)

    def _names(self) -> list[str]:
        """Return the names of all files that may be keys."""
        try:
            names = sorted(path.name for path in self._path.iterdir())
        except OSError as error:
            msg = f"{str(self._path)!r} cannot be read: {error.strerror}."
            raise ConfigurationError(msg) from error
        return [name for name in names if FILE_NAME.fullmatch(name)]

    def _contents(self) -> dict[bytes, str]:
        """Return the names of the files with usable keys, by their content."""
        found = {}
        for name in self._names():
            try:
                file = self._read(name)
                key_of(file)
            except ConfigurationError:
                continue  # not a usable key, or readable by others: a new file replaces it
            found[file.content] = name
        return found

    def _named_before(self) -> set[str]:
        """Return the files that the present manifest names; nothing if it cannot be read."""
        try:
            return {row.file for row in parsed_manifest(self._read(MANIFEST_NAME))}
        except ConfigurationError:
            return set()

    def _planned(self, entry: KeyEntry, present: Mapping[bytes, str]) -> tuple[Row, bytes, int]:
        """Return the row, content and mode of a key's file, which can be read again."""
        suffix, content, mode = rendered(entry.key)
        row = row_of(entry, present.get(content) or new_name(entry.key, suffix))
        key_named_by(row, KeyFile(self._path / row.file, content))

        return row, content, mode

    def _write(self, new: Sequence[tuple[Row, bytes, int]], manifest: bytes) -> None:
        """Write the new key files, and then the manifest that names them."""
        try:
            for row, content, mode in new:
                write_file(self._path, row.file, content, mode)
            sync_directory(self._path)
            write_file(self._path, MANIFEST_NAME, manifest, 0o644)
        except Exception:
            for row, _, _ in new:
                (self._path / row.file).unlink(missing_ok=True)
            raise
        sync_directory(self._path)

    def _sweep(self, before: set[str], *, kept: set[str]) -> None:
        """Remove the files of the old manifest that are not kept, and leftovers of a crash."""
        for path in list(self._path.iterdir()):
            is_ours = path.name in before or is_leftover(path.name)
            if is_ours and path.name not in kept and (path.is_symlink() or not path.is_dir()):
                path.unlink()


def _refuse_duplicates(path: Path, found: list[tuple[str, Key]]) -> None:
    seen: dict[str | None, list[tuple[str, Key]]] = {}
    for name, key in found:
        siblings = seen.setdefault(key.kid, [])
        for other, sibling in siblings:
            if key.kid is not None and not may_share_id(key, sibling):
                msg = (
                    f"{str(path)!r}: {other!r} and {name!r} hold keys of the same id: "
                    "remove one of them."
                )
                raise ConfigurationError(msg)
        siblings.append((name, key))


def _refuse_remote_signer(ring: KeyRing) -> None:
    if ring.signer is not None:
        msg = "The ring's active key has a Signer, which cannot be stored in a file: keep it in the code."
        raise ConfigurationError(msg)
