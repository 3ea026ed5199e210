"""`python -m tasks.models "a prompt"`: ask each configured model, without web, worker and Redis."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from dataclasses import replace

from chat.errors import ModelError
from chat.settings import Settings, SettingsError, load_settings_or_exit
from tasks.models import (
    Call,
    Finished,
    Model,
    Restart,
    RetryNotice,
    Thinking,
    single_models,
)
from tasks.models.discovered_model import DiscoveredModel, description
from tasks.models.hints import hint
from tasks.models.http import loggable_url
from tasks.prompt import PromptMessage


def main() -> None:
    """Print each model's reply as it arrives, or the cause of its failure and a hint.

    The exit code is 1 if a model has failed.
    """
    parser = argparse.ArgumentParser(prog="python -m tasks.models", description=__doc__)
    parser.add_argument("prompt", help="a person's message")
    prompt = parser.parse_args().prompt
    logging.disable()  # the same is printed here
    settings = load_settings_or_exit()
    try:
        models = single_models(settings)
    except SettingsError as error:
        sys.exit(str(error))
    failed = False
    for variable, own, model in models:
        if len(models) > 1:
            print(f"{variable}: {loggable_url(own.model_url or '')}", file=sys.stderr)
        try:
            _ask(own, model, prompt, variable)
        except ModelError as error:
            failed = True
            _explain(own, model, error, variable)
        except KeyboardInterrupt:
            sys.exit(130)
    sys.exit(failed)


def _explain(
    settings: Settings, model: Model | DiscoveredModel, error: ModelError, variable: str
) -> None:
    if isinstance(model, DiscoveredModel) and model.discovery:
        settings = replace(
            settings,
            model_url=model.discovery.address.url,
            model_name=model.discovery.model_name,
        )
    url = loggable_url(settings.model_url or "")
    text = f"{url}: {error.code}: {error}\n{hint(settings, error, variable)}"
    print(text.strip(), file=sys.stderr)


def _ask(settings: Settings, model: Model | DiscoveredModel, prompt: str, variable: str) -> None:
    if isinstance(model, DiscoveredModel):
        model.start()
        found = model.discovery
        if found and found.address.url.rstrip("/") != (settings.model_url or "").rstrip("/"):
            print(f"({description(found, variable)})", file=sys.stderr)
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
