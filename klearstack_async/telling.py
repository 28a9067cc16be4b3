"""Telling the log, the hooks and the traces what becomes of a call.

Whoever is told can't harm the call: one that went well must not fail, and be made again, because
of who watches it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from klearstack_async.attempts import CallObserver, OnAttempt
from klearstack_async.call import Call

__all__ = ["begin_watching", "end_watching", "tell"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_LOG = logging.getLogger("klearstack_async")


def begin_watching(call: Call[T]) -> CallObserver | None:
    """Tell the tracing that a call begins; None if there is none."""
    tracing = call.conduct.tracing
    if tracing is None:
        return None
    return _quietly(partial(tracing.begin, method=call.method), call.endpoint.name, call.url)


def end_watching(watching: CallObserver, ended_in: BaseException | None) -> None:
    """Tell the tracing that a call has ended."""
    _quietly(watching.end, ended_in)


def tell(
    call: Call[T],
    watch: OnAttempt | None,
    ended_in: BaseException | None,
    pause_seconds: float | None,
) -> None:
    """Tell the log and the hooks about an attempt that has ended, if it was begun at all.

    Args:
        call: The call.
        watch: What traces this one call.
        ended_in: What the attempt ended in; None if it went well.
        pause_seconds: After which pause there is another.
    """
    hooks = [hook for hook in (watch, call.conduct.on_attempt) if hook is not None]
    if call.sent_at is None or not (hooks or _LOG.isEnabledFor(logging.DEBUG)):
        return
    attempt = call.attempt(ended_in, pause_seconds)
    _LOG.debug("%s", attempt)
    for hook in hooks:
        _quietly(hook, attempt)


def _quietly(told: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
    try:
        return told(*args, **kwargs)
    except Exception:  # noqa: BLE001 - whatever a hook raises
        _LOG.exception("what watches the calls has failed")
        return None
