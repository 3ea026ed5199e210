"""`python -m tasks.models "a prompt"`: ask the configured model, without web, worker and Redis."""

from __future__ import annotations

import argparse
import sys
import time

from chat.errors import ModelError
from chat.settings import SettingsError, load_settings_or_exit
from tasks.models import Call, Restart, Wait, model_for
from tasks.models.http import place
from tasks.prompt import Line

_CURES = (
    ("HTTP 401", "The key is wrong or missing: set HUGGINGFACE_INFERENCE_TOKEN."),
    ("HTTP 403", "The key may not use this model: check HUGGINGFACE_INFERENCE_TOKEN."),
    ("HTTP 404", "The path or the model's name is wrong: check MODEL_URL and MODEL_NAME."),
    ("HTTP 405", "The path is wrong: check MODEL_URL."),
    ("HTTP 410", "That service was switched off: put another address into MODEL_URL."),
    ("model", "Check MODEL_NAME: the server may serve another."),
    ("not JSON", "That is no model's server, or the path is wrong: check MODEL_URL."),
    (
        "protocol",
        "The path picks the protocol: check that MODEL_URL ends as the server's docs say.",
    ),
    ("onnection", "Nothing answers there: is the server running, and MODEL_URL right?"),
)


def main() -> None:
    """Ask, and print the answer as it comes; end with the cause and the cure if there is none."""
    parser = argparse.ArgumentParser(prog="python -m tasks.models", description=__doc__)
    parser.add_argument("prompt", help="what a person says")
    prompt = parser.parse_args().prompt
    settings = load_settings_or_exit()
    try:
        model = model_for(settings)
        call = Call(time.monotonic() + settings.model_timeout)
        for piece in model.answer([Line("human", prompt)], "", call):
            if isinstance(piece, Wait):
                print(f"(not ready, again in {piece.retry_after:.0f} s)", file=sys.stderr)
            elif not isinstance(piece, Restart):
                print(piece, end="", flush=True)
        print()
    except SettingsError as error:
        sys.exit(str(error))
    except ModelError as error:
        cause = str(error)
        cure = next((cure for sign, cure in _CURES if sign in cause), "")
        sys.exit(f"{place(settings.model_url or '')}: {error.code}: {cause}\n{cure}".strip())
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
