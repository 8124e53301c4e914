"""A ring in a directory of files, which survives a restart and a crash.

The files are read and written plainly, and block: call this at start, or in a thread.
"""

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tokenward.errors import ConfigurationError
from tokenward.jose.key import Key
from tokenward.keys.files import (
    LOCK_NAME,
    KeyFile,
    key_of,
    locked,
    path_in_errors,
    read_key_file,
    rendered,
    sync_directory,
    write_file,
)
from tokenward.keys.manifest import (
    FILE_NAME,
    MANIFEST_NAME,
    Row,
    key_named_by,
    parsed_manifest,
    rendered_manifest,
    row_of,
)
from tokenward.keys.ring import KeyEntry, KeyRing

__all__ = ["KeyDirectory"]

# What `save` makes. Without a manifest nothing of it counts: it is left over from a crash.
_OWN: Final = re.compile(r"key-[A-Za-z0-9_-]{0,40}\.[0-9a-f]{16}\.(pem|jwk\.json)")
_TEMPORARY: Final = re.compile(r"\.[0-9a-f]{16}\.tmp")


class KeyDirectory:
    """A directory that holds the keys of a ring, one in each file, and a manifest, ``ring.json``.

    ::

        directory = KeyDirectory("/etc/shop/keys")
        ring = directory.load()
        with directory.change() as ring:
            ring.rotate(Key.generate("EdDSA"), verify_for=timedelta(days=30), now=time.time())

    Keys are PEM files (``.pem``: PKCS #8 or SPKI, not encrypted) or JWKs (``.jwk.json``; RFC 7517).
    Without a manifest every such file is a key: the only private one is active, the others verify.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Take the directory. It is not looked at yet, and `save` makes it where it is not there."""
        self._path = Path(path)

    def load(self) -> KeyRing:
        """Read all keys.

        Raises:
            ConfigurationError: a file is missing, too large, elsewhere or not the key that the
                manifest means, the manifest cannot be read, or the keys do not make a ring.
            InvalidKeyError: a file holds no usable key, or a private one that others may read.

        Not checked: who may write to the files, and whether a key's time is over; the engine sees to that.
        """
        try:
            return self._load()
        except ConfigurationError:
            # Another process may have saved a new set just now, and removed what is not in it.
            return self._load()

    def reload(self, ring: KeyRing) -> None:
        """Read all keys, and then have a ring take them over in one step.

        Raises:
            ConfigurationError, InvalidKeyError: see `load`, or the ring's key signs elsewhere. The
                ring then stays as it was.
        """
        _refuse_remote_signer(ring)
        ring.replace(self.load())

    @contextmanager
    def change(self, *, first: Key | None = None) -> Iterator[KeyRing]:
        """Load the keys, and save them at the end of the block, as one step.

        Other processes and threads that change or save the directory wait until the block has
        ended, so that no change is lost. If the block raises, nothing is saved. Do not call `save`
        in the block: it would wait for itself. Without ``flock``, as on Windows, nobody waits.

        Args:
            first: for a directory that is empty or does not exist yet: begin with a ring of this
                key. None: such a directory is refused, as by `load`.

        Yields:
            A ring to change. A service that runs takes it over with `reload`.

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
        """Write all keys: private ones and secrets unencrypted, in files that the owner alone can read.

        The manifest is written last and in one step: whenever this ends early, the old set is there
        or the new. What no manifest names any more is removed after it; files that none has named,
        and that are not of `save` itself, stay. Several processes may save, one after the other; the
        last one wins. To change what is in the directory, use `change`.

        Raises:
            ConfigurationError, InvalidKeyError: the ring could not be loaded again: a secret is too
                short, a key signs elsewhere, the ring does not know the time (`KeyRing.entries`).
            OSError: the directory cannot be written.
        """
        _refuse_remote_signer(ring)
        ring.entries()
        self._make()
        with locked(self._path):
            # Read under the lock: of two threads that save one ring, the last has its last state.
            self._save(ring.entries())

    def __repr__(self) -> str:
        """Say where it is."""
        return f"KeyDirectory({str(self._path)!r})"

    def _make(self) -> None:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _is_empty(self) -> bool:
        """Whether the directory holds nothing but the lock and what a crash has left."""
        names = [path.name for path in self._path.iterdir() if path.name != LOCK_NAME]
        return MANIFEST_NAME not in names and all(map(_is_leftover, names))

    def _save(self, entries: Sequence[KeyEntry]) -> None:
        """Write all keys. The caller holds the lock."""
        present = self._contents()
        planned = [self._planned(entry, present) for entry in entries]
        manifest = rendered_manifest([row for row, _, _ in planned])
        before = self._named_before()
        self._write([each for each in planned if each[1] not in present], manifest)
        self._sweep(before, kept={row.file for row, _, _ in planned})

    def _load(self) -> KeyRing:
        # A link that leads nowhere is a manifest too: one that is missing.
        entries = (
            self._named_entries()
            if os.path.lexists(self._path / MANIFEST_NAME)
            else self._plain_entries()
        )
        _refuse_duplicates(self._path, [(name, entry.key) for name, entry in entries])
        with path_in_errors(self._path / MANIFEST_NAME):
            return KeyRing.from_entries([entry for _, entry in entries])

    def _named_entries(self) -> list[tuple[str, KeyEntry]]:
        """Read what the manifest names."""
        found = []
        for row in parsed_manifest(self._read(MANIFEST_NAME)):
            key = key_named_by(row, self._read(row.file))
            found.append((row.file, KeyEntry(key, row.state, row.verify_until)))
        return found

    def _plain_entries(self) -> list[tuple[str, KeyEntry]]:
        """Read a directory that somebody else has filled."""
        keys = {
            name: key_of(self._read(name)) for name in self._names() if not _OWN.fullmatch(name)
        }
        if not keys:
            msg = f"{str(self._path)!r} holds no keys: neither ring.json nor *.pem or *.jwk.json."
            raise ConfigurationError(msg)
        signing = [name for name, key in keys.items() if key.can_sign]
        if len(signing) > 1:
            msg = (
                f"{str(self._path)!r} holds several private keys ({', '.join(map(repr, signing))}): "
                "keep one and the public halves of the others, or say in ring.json which is active."
            )
            raise ConfigurationError(msg)
        # Where all are public the ring only verifies, and which of them is called active is all one.
        active = (signing or list(keys))[0]
        return [
            (name, KeyEntry(key, "active" if name == active else "verify-only", None))
            for name, key in keys.items()
        ]

    def _read(self, name: str) -> KeyFile:
        return read_key_file(self._path / name, within=self._path)

    def _names(self) -> list[str]:
        """Give the names of all files that could be keys."""
        try:
            names = sorted(path.name for path in self._path.iterdir())
        except OSError as error:
            msg = f"{str(self._path)!r} cannot be read: {error.strerror}."
            raise ConfigurationError(msg) from error
        return [name for name in names if FILE_NAME.fullmatch(name)]

    def _contents(self) -> dict[bytes, str]:
        """Give the name of each file that holds a key as `save` would write it."""
        found = {}
        for name in self._names():
            try:
                file = self._read(name)
                key_of(file)
            except ConfigurationError:
                continue  # it is no key, or it is readable by others: a new file takes its place
            found[file.content] = name
        return found

    def _named_before(self) -> set[str]:
        """Give what the manifest names that is there; nothing where none can be read."""
        try:
            return {row.file for row in parsed_manifest(self._read(MANIFEST_NAME))}
        except ConfigurationError:
            return set()

    def _planned(self, entry: KeyEntry, present: Mapping[bytes, str]) -> tuple[Row, bytes, int]:
        """Say what is written of a key, with its mode, once it is sure that it can be read again."""
        suffix, content, mode = rendered(entry.key)
        row = row_of(entry, present.get(content) or _new_name(entry.key, suffix))
        key_named_by(row, KeyFile(self._path / row.file, content))
        return row, content, mode

    def _write(self, new: Sequence[tuple[Row, bytes, int]], manifest: bytes) -> None:
        """Write files that no manifest names yet, and then the manifest."""
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
        """Remove what is not in the set any more, and what a crash has left."""
        for path in list(self._path.iterdir()):
            is_ours = path.name in before or _is_leftover(path.name)
            if is_ours and path.name not in kept and (path.is_symlink() or not path.is_dir()):
                path.unlink()


def _is_leftover(name: str) -> bool:
    return bool(_OWN.fullmatch(name) or _TEMPORARY.fullmatch(name))


def _new_name(key: Key, suffix: str) -> str:
    """Give a name that no file has, so that nothing is ever written over a key that is in use."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", key.kid or "")[:40]
    return f"key-{readable}.{secrets.token_hex(8)}{suffix}"


def _refuse_duplicates(path: Path, found: list[tuple[str, Key]]) -> None:
    seen: dict[str, str] = {}
    for name, key in found:
        if key.kid in seen:
            msg = (
                f"{str(path)!r}: {seen[key.kid]!r} and {name!r} hold keys of the same id: "
                "remove one of them."
            )
            raise ConfigurationError(msg)
        if key.kid is not None:
            seen[key.kid] = name


def _refuse_remote_signer(ring: KeyRing) -> None:
    if ring.signer is not None:
        msg = "The ring's active key signs elsewhere, which no file can say: keep it in the code."
        raise ConfigurationError(msg)
