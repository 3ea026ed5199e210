"""GPT-J behind `transformers serve`: `python -m local.gptj`, called by `make gptj`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import requests
from huggingface_hub import constants, try_to_load_from_cache

from local.console import Console
from local.errors import CannotStart
from local.plan import PROJECT
from local.port import LOOPBACK, answers, free_port
from local.service import Service
from local.supervisor import Supervisor

# The weights of this branch have half the size of those on main: https://huggingface.co/docs/transformers/model_doc/gptj
REPO, REVISION = "EleutherAI/gpt-j-6b", "float16"
TINY = "tiny-gpt-j"
PORT = 8000

# Six billion weights of two bytes take 12.1 GB, the attention's cache of a whole context takes
# 0.9 GB. The rest is for everything else.
REQUIRED_MEMORY = 14e9  # bytes
WEIGHTS_SIZE = 12.1e9  # bytes on the disk
ALTERNATIVES = "serve it elsewhere (see docs/gpt-j.md), or try a tiny one here: make gptj TINY=1"


def require_memory(free: float) -> None:
    """Check that GPT-J fits into ``free`` bytes of memory.

    Raises:
        CannotStart: It does not fit.
    """
    if free < REQUIRED_MEMORY:
        raise CannotStart(
            f"GPT-J needs {REQUIRED_MEMORY / 1e9:.0f} GB of memory and {free / 1e9:.0f} are free:"
            f" {ALTERNATIVES}."
        )


def require_weights() -> bool:
    """Return whether the weights are on this machine. If not, check that they can be fetched.

    Raises:
        CannotStart: They cannot be fetched.
    """
    for name in ("model.safetensors", "pytorch_model.bin"):
        if isinstance(try_to_load_from_cache(REPO, name, revision=REVISION), str):
            return True
    folder = Path(constants.HF_HUB_CACHE)
    disk = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if (free := shutil.disk_usage(disk).free) < WEIGHTS_SIZE:
        raise CannotStart(
            f"GPT-J's weights take {WEIGHTS_SIZE / 1e9:.0f} GB and {disk} has"
            f" {free / 1e9:.0f} free: choose another folder with HF_HOME, or {ALTERNATIVES}."
        )
    try:
        url = f"{constants.ENDPOINT}/{REPO}/resolve/{REVISION}/config.json"
        requests.get(url, timeout=10).raise_for_status()
    except requests.RequestException as error:
        raise CannotStart(
            f"GPT-J's weights are not on this machine, and {constants.ENDPOINT} does not give them"
            f" ({type(error).__name__}): {ALTERNATIVES}."
        ) from None
    return False


def main() -> None:
    """Serve GPT-J until Ctrl-C, and print how `make run` uses it."""
    parser = argparse.ArgumentParser(prog="python -m local.gptj", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a tiny model, with random weights")
    parser.add_argument("--port", type=int, default=PORT, help="if it is free")
    parser.add_argument(
        "--data", type=Path, default=PROJECT / ".data" / "gptj", help="the tiny model's folder"
    )
    arguments = parser.parse_args()
    try:
        if arguments.tiny:
            subprocess.run(
                [sys.executable, "-m", "local.tiny_gptj", arguments.data / TINY], check=True
            )
            _serve(arguments.port, TINY, arguments.data, {"HF_HUB_OFFLINE": "1"})
        else:
            free, options = _memory()
            require_memory(free)
            env = {"HF_HUB_OFFLINE": "1"} if require_weights() else {}
            _serve(arguments.port, f"{REPO}@{REVISION}", PROJECT, env, *options)
    except CannotStart as error:
        sys.exit(str(error))


def _memory() -> tuple[float, list[str]]:
    """Return the free bytes of the GPU, or else of the main memory, and the options for it."""
    import psutil
    import torch

    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0], []
    # Processors are slow with float16.
    return psutil.virtual_memory().available, ["--dtype", "bfloat16"]


def _serve(port: int, name: str, folder: Path, env: Mapping[str, str], *options: str) -> None:
    """Serve the model ``name`` in the foreground. It may be a folder in ``folder``."""
    port = free_port(port)
    address = f"http://{LOOPBACK}:{port}"
    program = str(Path(sys.executable).with_name("transformers"))
    part = Service(
        name="gptj",
        command=[program, "serve", name, "--host", LOOPBACK, "--port", str(port), *options],
        env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
        folder=folder,
        is_ready=lambda: answers(f"{address}/health"),
        stop_within=5,
        start_within=float("inf"),  # it may have gigabytes to fetch
    )
    Supervisor([[part]], Console(sys.stdout, [part.name])).run(
        f"{name} is served. In another terminal:\n\n"
        f"    MODEL_URL={address}/v1/completions MODEL_NAME={name} make run\n"
    )


if __name__ == "__main__":
    main()
