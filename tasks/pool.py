"""The worker's pool of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery.concurrency import thread
from celery.worker.state import reserved_requests
from kombu.asynchronous import get_event_loop


class TaskPool(thread.TaskPool):  # type: ignore[misc]
    """Celery's pool of threads. It also wakes the consumer when a full worker has a slot again.

    A worker without a free slot does not wait for tasks, and nothing else would wake its event loop
    but the next timer, after up to a second (Celery 5.7, ``worker_disable_prefetch``).
    """

    def on_apply(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **options: Any,
    ) -> Any:
        def ended(*result: Any, **details: Any) -> None:
            was_full = len(reserved_requests) >= self.limit
            if callback:
                callback(*result, **details)  # frees the slot
            if was_full and (loop := get_event_loop()):
                loop.call_soon(_do_nothing)  # safe in any thread

        return super().on_apply(target, args, kwargs, ended, accept_callback, **options)


def _do_nothing() -> None:
    pass
