"""`python -m tasks.models "a prompt"`: ask the configured model, without web, worker and Redis."""

from __future__ import annotations

import argparse
import logging
import sys
import time

from chat.errors import ModelError
from chat.settings import Settings, SettingsError, load_settings_or_exit
from tasks.models import Call, Restart, Wait, model_for
from tasks.models.advice import advice
from tasks.models.http import place
from tasks.prompt import Line


def main() -> None:
    """Ask, and print the answer as it comes; end with the cause and the cure if there is none."""
    parser = argparse.ArgumentParser(prog="python -m tasks.models", description=__doc__)
    parser.add_argument("prompt", help="what a person says")
    prompt = parser.parse_args().prompt
    logging.disable()  # its lines are for those who cannot see what is printed here
    settings = load_settings_or_exit()
    try:
        _ask(settings, prompt)
    except SettingsError as error:
        sys.exit(str(error))
    except ModelError as error:
        where = place(settings.model_url or "")
        sys.exit(f"{where}: {error.code}: {error}\n{advice(settings, error)}".strip())
    except KeyboardInterrupt:
        sys.exit(130)


def _ask(settings: Settings, prompt: str) -> None:
    model = model_for(settings)
    call = Call(time.monotonic() + settings.model_timeout)
    for piece in model.answer([Line("human", prompt)], "", call):
        match piece:
            case Wait(retry_after=retry_after):
                print(f"(not ready, again in {retry_after:.0f} s)", file=sys.stderr)
            case Restart():
                print(flush=True)
                print("(broke off, and begins anew)", file=sys.stderr)
            case _:
                print(piece, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
