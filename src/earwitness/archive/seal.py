"""Keeps secrets that must be read again, such as passwords of cameras: sealed with a key that lies beside the database.

Fernet (AES-128-CBC with HMAC-SHA256, https://github.com/fernet/spec). Whoever has the database alone
reads none of them.
"""

import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from earwitness.errors import StorageFailed


class Seal:
    """The key in a file, made when it is first wanted, for its owner alone."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def seal(self, secret: str) -> bytes:
        """The secret, unreadable without the key. Raises StorageFailed."""
        return self._fernet().encrypt(secret.encode())

    def opened(self, sealed: bytes) -> str:
        """The secret again. Raises StorageFailed where it was sealed with another key, or is damaged."""
        try:
            return self._fernet().decrypt(sealed).decode()
        except InvalidToken as error:
            raise StorageFailed(
                f"a secret was sealed with another key than the one in {self._file}",
                remedy="Put the key file of that database back, or enter the secret again.",
            ) from error

    def _fernet(self) -> Fernet:
        try:
            if not self._file.exists():
                self._make()
            return Fernet(self._file.read_bytes())
        except (OSError, ValueError) as error:
            raise StorageFailed(f"the key {self._file} can't be read or made: {error}") from error

    def _make(self) -> None:
        """Written beside and then linked, so that of two programs one makes it, and nobody sees half of it."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, beside = tempfile.mkstemp(dir=self._file.parent, prefix=".key-")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(beside, self._file)
        finally:
            Path(beside).unlink()
