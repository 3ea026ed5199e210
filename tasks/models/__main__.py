"""`python -m tasks.models "a prompt"`: ask the configured model, without web, worker and Redis."""

from __future__ import annotations

import argparse
import logging
import sys
import time

from chat.errors import ModelError
from chat.settings import Settings, SettingsError, load_settings_or_exit
from tasks.models import Call, Finished, Restart, RetryNotice, Thinking, model_for
from tasks.models.hints import hint
from tasks.models.http import loggable_url
from tasks.prompt import PromptMessage


def main() -> None:
    """Print the model's reply as it arrives, or exit with the cause of a failure and a hint."""
    parser = argparse.ArgumentParser(prog="python -m tasks.models", description=__doc__)
    parser.add_argument("prompt", help="a person's message")
    prompt = parser.parse_args().prompt
    logging.disable()  # the same is printed here
    settings = load_settings_or_exit()
    try:
        _ask(settings, prompt)
    except SettingsError as error:
        sys.exit(str(error))
    except ModelError as error:
        url = loggable_url(settings.model_url or "")
        sys.exit(f"{url}: {error.code}: {error}\n{hint(settings, error)}".strip())
    except KeyboardInterrupt:
        sys.exit(130)


def _ask(settings: Settings, prompt: str) -> None:
    model = model_for(settings)
    call = Call(time.monotonic() + settings.model_timeout)
    for item in model.answer([PromptMessage("human", prompt)], "", call):
        match item:
            case RetryNotice(retry_after=retry_after):
                print(f"(not ready, again in {retry_after:.0f} s)", file=sys.stderr)
            case Restart():
                print(flush=True)
                print("(the stream broke; the reply starts over)", file=sys.stderr)
            case Thinking():
                print("(thinking)", file=sys.stderr)
            case Finished():
                pass
            case _:
                print(item, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
