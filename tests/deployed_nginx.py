"""Debian's nginx with `deploy/nginx/chat.conf`, with the ports, names and folders of a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import requests
import trustme

from tests.nginx import TEMPORARY, Nginx
from tests.processes import ROOT, free_port

CONFIGURATION = ROOT / "deploy" / "nginx" / "chat.conf"
_CERTIFICATES = "/etc/letsencrypt/live/chat.example.com"
_FILE = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
  {temporary}
  include {folder}/chat.conf;
}}
"""


class DeployedNginx(Nginx):
    """TLS for `localhost` in front of web processes, with a certificate that the test makes."""

    def __init__(self, folder: Path, upstreams: Sequence[int]) -> None:
        folder.mkdir(exist_ok=True)
        self.port, self.http_port = free_port(), free_port()
        self.url = f"https://localhost:{self.port}"
        self.ws = f"wss://localhost:{self.port}/chat"
        self.authority = folder / "authority.pem"
        self.folder = folder
        self._file = folder / "nginx.conf"
        self._log = folder / "nginx.log"
        temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
        self._file.write_text(_FILE.format(folder=folder, temporary=temporary))
        (folder / "chat.conf").write_text(self._configuration(upstreams))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        certificate = authority.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(str(folder / "privkey.pem"))
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(str(folder / "fullchain.pem"), append=True)

    @property
    def trust(self) -> dict[str, str]:
        """The variables with which requests and websocket-client trust its certificate."""
        names = ("REQUESTS_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE")
        return dict.fromkeys(names, str(self.authority))

    def logs(self) -> str:
        """Return what it has written into all of its logs."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _configuration(self, upstreams: Sequence[int]) -> str:
        text = CONFIGURATION.read_text()
        servers = "\n".join(f"server 127.0.0.1:{port} max_fails=0;" for port in upstreams)
        for given, replacement in {
            "server 127.0.0.1:3500 max_fails=0;\n    server 127.0.0.1:3501 max_fails=0;": servers,
            "listen 80;": f"listen 127.0.0.1:{self.http_port};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "listen [::]:80;": "",
            "listen [::]:443 ssl;": "",
            _CERTIFICATES: str(self.folder),
            "server_name chat.example.com;": "server_name localhost;",
            "/var/log/nginx": str(self.folder),
        }.items():
            assert given in text, f"{CONFIGURATION} has no {given!r}"
            text = text.replace(given, replacement)
        return text

    def _serves(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            requests.get(f"{self.url}/test", timeout=5, verify=str(self.authority))
        except requests.ConnectionError:
            return False
        return True
