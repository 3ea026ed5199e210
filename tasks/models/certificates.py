"""The certificates that a model's server is verified with, loaded once for a process.

requests 2.34 loads them for each connection: 36 ms and 672 KB with certifi's bundle.
"""

from __future__ import annotations

import functools
import os
import ssl

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """Return the context that all connections share.

    ``verify`` is that of a `requests.Session`: True for certifi's bundle, or a path of a bundle or
    of a directory. A file that was replaced is loaded again.

    Raises:
        OSError: There are no certificates at the path.
    """
    path = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    return _tls_context(path, os.stat(path).st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _tls_context(path: str, _: int) -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.check_hostname = True
    is_directory = os.path.isdir(path)
    context.load_verify_locations(
        cafile=None if is_directory else path, capath=path if is_directory else None
    )
    return context
