"""How to go on after a bulk run, or with a journal: the commands, in words. Pure."""

from __future__ import annotations

import shlex
from os import fspath
from pathlib import Path

__all__ = ["resume_command", "ways_on"]


def resume_command(journal: Path, *options: str) -> str:
    """Give the command that goes on with a journal."""
    return shlex.join(["klearstack", "bulk", "--journal", fspath(journal), *options])


def ways_on(journal: Path, *, failed: int, in_doubt: int, is_complete: bool | None) -> list[str]:
    """Say what can be done with a journal, in sentences with commands; nothing if all is well.

    Args:
        journal: The file.
        failed: How many sources have failed.
        in_doubt: How many may have been stored, and can't be found.
        is_complete: Whether every source has ended; None if all have that are known so far, and
            nobody knows whether there are more.
    """
    ways = []
    if is_complete is None:
        ways.append(f"Look for further sources: {resume_command(journal)}")
    elif not is_complete:
        ways.append(f"Go on: {resume_command(journal)}")
    if failed:
        ways.append(f"Try the failed ones again: {resume_command(journal, '--retry-failed')}")
    if in_doubt:
        listing = shlex.join(["klearstack", "journal", fspath(journal), "--state", "in_doubt"])
        resend = resume_command(journal, "--in-doubt", "resend")
        ways.append(f"See which are in doubt: {listing}")
        ways.append(f"Send those again, which may store them twice: {resend}")
    return ways
