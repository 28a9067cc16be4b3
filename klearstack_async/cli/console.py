"""Where the commands write to, and what may be written there."""

from __future__ import annotations

import os
import sys

from rich.console import Console

__all__ = ["console_for", "printable"]

_PLAIN_WIDTH = 160


class _Console(Console):
    """A console whose reader may go away (`| head -1`): the run and its files go on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def console_for() -> Console:
    """Make a console; without a terminal it is wide enough to cut nothing."""
    if sys.stdout.isatty():
        return _Console(highlight=False)
    return _Console(highlight=False, width=_PLAIN_WIDTH)


def printable(text: str) -> str:
    """Take what could steer a terminal out of a text that came from a file or a document."""
    return "".join(c if c.isprintable() else "�" for c in text)
