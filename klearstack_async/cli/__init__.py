"""The `klearstack` command. Here only its entry: what is missing or fails becomes one sentence.

Exit codes: 0 everything was extracted, or skipped; 1 some documents were not; 2 the command could
not do its work, or had to stop; 130 somebody stopped it.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from importlib.util import find_spec
from typing import Any, cast

__all__ = ["main"]

FAILED = 2
INTERRUPTED = 130

_NEEDED = ("typer", "rich")
_EXTRA_MISSING = (
    "the command line needs an extra: pip install 'klearstack-async[all]' "
    "(in a checkout: pip install '.[all]')"
)


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    if any(find_spec(name) is None for name in _NEEDED):
        _end(_EXTRA_MISSING, FAILED)
    # Whatever it is called with, the first is the warning.
    warnings.showwarning = cast("Any", _show_warning)
    try:
        # Only now is typer known to be there.
        from klearstack_async.cli.app import app  # noqa: PLC0415

        app()
    except KeyboardInterrupt:
        # All is cleaned up: one more Ctrl-C may end the process, but not with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _end("stopped", INTERRUPTED)
    except Exception as error:  # a person at a terminal wants a sentence
        if os.environ.get("KLEARSTACK_DEBUG"):
            raise
        _end(_sentence(error), FAILED)


def _sentence(error: Exception) -> str:
    from klearstack_async.errors import KlearStackError  # noqa: PLC0415 - quick start-up

    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, KlearStackError | OSError | ValueError | ImportError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error} (KLEARSTACK_DEBUG=1 shows where)"


def _show_warning(message: Warning | str, *_where: object) -> None:
    # The line of code that a warning came from says nothing to whom typed a command.
    print(f"klearstack: {message}", file=sys.stderr)  # noqa: T201 - like an error


def _end(sentence: str, code: int) -> None:
    print(f"klearstack: {sentence}", file=sys.stderr)  # noqa: T201 - rich may be missing here
    sys.exit(code)
