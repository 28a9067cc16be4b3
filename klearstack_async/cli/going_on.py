"""How to go on after a bulk run, or with a journal: the commands, in words. Pure."""

from __future__ import annotations

import shlex
from functools import partial
from os import fspath
from pathlib import Path

__all__ = ["resume_command", "ways_on"]


def resume_command(journal: Path, *options: str, has_paths: bool = True) -> str:
    """Give the command that goes on with a journal; one that has no paths needs them."""
    paths = () if has_paths else ("PATHS",)
    return shlex.join(["klearstack", "bulk", *paths, "--journal", fspath(journal), *options])


def ways_on(
    journal: Path,
    *,
    failed: int,
    in_doubt: int,
    is_complete: bool | None,
    has_paths: bool = True,
) -> list[str]:
    """Say what can be done with a journal, in sentences with commands; nothing if all is well.

    Args:
        journal: The file.
        failed: How many sources have failed.
        in_doubt: How many may have been stored, and can't be found.
        is_complete: Whether every source has ended; None if all have that are known so far, and
            nobody knows whether there are more.
        has_paths: Whether the journal remembers what was to be uploaded; a program's doesn't.
    """
    command = partial(resume_command, journal, has_paths=has_paths)
    ways = []
    if is_complete is None:
        ways.append(f"Look for further sources: {command()}")
    elif not is_complete:
        ways.append(f"Go on: {command()}")
    if failed:
        ways.append(f"Try the failed ones again: {command('--retry-failed')}")
    if in_doubt:
        listing = shlex.join(["klearstack", "journal", fspath(journal), "--state", "in_doubt"])
        resend = command("--in-doubt", "resend")
        ways.append(f"See which are in doubt: {listing}")
        ways.append(f"Send those again, which may store them twice: {resend}")
    return ways
