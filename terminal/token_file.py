"""The file that keeps the token of a chat."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from terminal.errors import Failed

_MAX_SIZE = 1024  # bytes that are read; a token is shorter


class TokenFile:
    """A file that only its owner can read, with the token of one chat."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> str | None:
        """Return the token in the file, or None if there is no file.

        Raises:
            Failed: The file cannot be read, others can read it, or it does not contain a token.
        """
        try:
            with self._path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(_MAX_SIZE).decode(errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failed(f"{self._path} cannot be read: {error.strerror}.") from None
        if not is_token(text):
            raise Failed(f"{self._path} does not contain a token. Choose another file.")
        if mode & 0o077:
            raise Failed(f"Other users can read {self._path}. Run: chmod 600 {self._path}")
        return text

    def save(self, token: str) -> None:
        """Write a token, and replace an earlier one.

        Raises:
            Failed: The file cannot be written.
        """
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(token + "\n")
            draft.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise Failed(f"{self._path} cannot be written: {error.strerror}.") from None


def is_token(value: object) -> bool:
    """Whether a value has the form of a token: a UUID in lower case."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False
