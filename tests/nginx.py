"""Debian's nginx in front of a web process, configured correctly or with a mistake."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Self

import requests

from tests.processes import free_port, wait_until

# The lines that the location of the chat needs.
_CORRECT = {
    "version": "proxy_http_version 1.1;",
    "host": "proxy_set_header Host $http_host;",
    "upgrade": "proxy_set_header Upgrade $http_upgrade;",
    "connection": "proxy_set_header Connection upgrade;",
}
_FILE = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  {temporary}
  upstream chat_web {{ server 127.0.0.1:{upstream}; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://chat_web;
      {lines}
    }}
  }}
}}
"""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx:
    """A proxy to a port of loopback. The context starts it and stops it."""

    def __init__(self, folder: Path, upstream: int, *, port: int = 0, **changed: str) -> None:
        """``changed`` replaces lines of `_CORRECT` by name, or adds lines. '' removes a line."""
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._file = folder / "nginx.conf"
        temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
        lines = " ".join({**_CORRECT, **changed}.values())
        values = {"folder": folder, "port": self.port, "upstream": upstream, "lines": lines}
        self._file.write_text(_FILE.format(temporary=temporary, **values))
        self._log = folder / "nginx.log"

    def __enter__(self) -> Self:
        command = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        assert command, "there is no nginx: `make nginx` installs it"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [command, "-c", str(self._file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(self._serves)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _serves(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return bool(requests.get(f"{self.url}/test", timeout=5).status_code)
        except requests.ConnectionError:
            return False
