"""The model: any server behind ``MODEL_URL``, and a second one behind ``MODEL_FALLBACK_URL``."""

from __future__ import annotations

import redis

from chat.settings import Settings, SettingsError
from tasks.models.address import Address, address_of
from tasks.models.call import Call, Cancelled
from tasks.models.circuit_breaker import CircuitBreaker
from tasks.models.discovered_model import DiscoveredModel
from tasks.models.failover import AnyModel, Failover
from tasks.models.model import Model
from tasks.models.protocols import model_at
from tasks.models.reply_items import Finished, ReplyItem, Restart, Thinking
from tasks.models.retry_policy import RetryNotice

__all__ = [
    "AnyModel",
    "Call",
    "Cancelled",
    "Finished",
    "Model",
    "ReplyItem",
    "Restart",
    "RetryNotice",
    "Thinking",
    "model_for",
    "models_for",
    "single_models",
]


def model_for(settings: Settings) -> Model:
    """Return the model at ``MODEL_URL``. No request is sent yet.

    The path alone selects the protocol: a base address is taken for Hugging Face's.

    Raises:
        SettingsError: ``MODEL_URL`` is not set.
    """
    url = _required_url(settings)
    return model_at(address_of(url) or Address(url, "hugging_face"), settings)


def models_for(settings: Settings, client: redis.Redis) -> tuple[AnyModel, list[DiscoveredModel]]:
    """Return what answers: one model, or two of them. No request is sent yet.

    The circuit breaker is at ``client``. The second value are the models whose address has to be
    discovered.

    Raises:
        SettingsError: ``MODEL_URL`` is not set.
    """
    models = [model for _, _, model in single_models(settings)]
    discovered = [model for model in models if isinstance(model, DiscoveredModel)]
    if len(models) == 1:
        return models[0], discovered
    breaker = CircuitBreaker(client, f"{settings.model_url} {settings.model_name}")
    return Failover(models[0], models[1], breaker), discovered


def single_models(settings: Settings) -> list[tuple[str, Settings, Model | DiscoveredModel]]:
    """Return each configured model, with its variable and its settings.

    Raises:
        SettingsError: ``MODEL_URL`` is not set.
    """
    _required_url(settings)
    configured = [("MODEL_URL", settings)]
    if fallback := settings.of_fallback():
        configured.append(("MODEL_FALLBACK_URL", fallback))
    return [(variable, own, _single(own, variable)) for variable, own in configured]


def _single(settings: Settings, variable: str) -> Model | DiscoveredModel:
    address = address_of(settings.model_url or "")
    return model_at(address, settings) if address else DiscoveredModel(settings, variable)


def _required_url(settings: Settings) -> str:
    if not settings.model_url:
        raise SettingsError(
            "MODEL_URL: is not set; put the address of a model's server there,"
            " such as http://HOST:8000/v1/completions"
        )
    return settings.model_url
