"""Endpoints whose names are this library's assumption: saying so, and what to do about it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

from klearstack_async.errors import EndpointNotFound
from klearstack_async.wire.endpoint import Certainty, Endpoint

__all__ = [
    "UnverifiedEndpointWarning",
    "explained",
    "level_of_the_caller",
    "override_line",
    "warn_once",
]

# With its slash: a package of a longer name is not this one.
_PACKAGE = str(Path(__file__).parent.parent) + os.sep
_warned: set[str] = set()


class UnverifiedEndpointWarning(UserWarning):
    """An endpoint was called whose name and parameters are assumed, not documented."""


def warn_once(endpoint: Endpoint) -> None:
    """Warn, once in the life of the process, of an endpoint that is only assumed."""
    if endpoint.certainty is not Certainty.ASSUMED or endpoint.name in _warned:
        return
    _warned.add(endpoint.name)
    warnings.warn(
        f"{endpoint.name} is assumed, not documented: {endpoint.path} is a guess after the "
        f"pattern of its sisters. If your service calls it otherwise, pass "
        f"{_SET.format(line=override_line(endpoint))}",
        UnverifiedEndpointWarning,
        stacklevel=level_of_the_caller(),
    )


def override_line(endpoint: Endpoint) -> str:
    """Give what the user must write to set an endpoint's path."""
    return f'endpoints={{"{endpoint.name}": "/access/klearstack/<its real name>"}}'


def explained(error: EndpointNotFound, endpoint: Endpoint) -> EndpointNotFound:
    """Say in the error why the path may be wrong, and what the user must write."""
    where = f"{error.args[0]}; this service has no {endpoint.path}"
    error.args = (f"{where}: {_ADVICE[endpoint.certainty].format(line=override_line(endpoint))}",)
    return error


_SET = (
    "{line} to KlearStack, or the same as JSON in KLEARSTACK_ENDPOINTS (see `klearstack endpoints`)"
)
_KNOWN = f"check the url, where only the host belongs; if it has moved, pass {_SET}"
_ADVICE: Mapping[Certainty, str] = {
    Certainty.DOCUMENTED: _KNOWN,
    Certainty.PARTLY: _KNOWN,
    Certainty.ASSUMED: f"that name is only assumed, so pass {_SET}",
    # Also that of a `call`, whose name or path was given.
    Certainty.OVERRIDDEN: "that is the path that was given, so correct it where it was set",
}


def level_of_the_caller() -> int:
    """Count the frames up to the first that isn't the library's: that is whose line is shown."""
    level = 1
    frame = sys._getframe(1)  # noqa: SLF001 - what warnings' skip_file_prefixes does from 3.12 on
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level
