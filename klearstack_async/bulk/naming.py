"""The names under which a bulk run's documents are known to the service. No I/O.

A remote name is unlike any other that this library makes, so that a document can be found at the
service by it, and a result of a bundle be tied to its source.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from klearstack_async.wire.zipping import caseless, fitted_name, member_names, name_parts

__all__ = ["absolute", "is_of_another", "name_key", "number_in", "remote_name", "same_name"]

_SEPARATORS = re.compile(r"[/\\]")
# Behind the user's part of a remote name stands the job, the number, and which try it is.
_JOB_AND_NUMBER = re.compile(r"-([a-z2-7]{8})-(\d{1,18})(?:-\d+)?(?:\.[^.]*)?$")


def remote_name(filename: str, job: str, number: int, attempt: int) -> str:
    """Name a document for the service, such as `invoice-7f3k2a9c-12.pdf`.

    Args:
        filename: What the user calls it; folders in it are left out.
        job: The journal's own letters.
        number: The source's number in the journal, from 1.
        attempt: Which try it is, from 1; told in the name from the second one on.

    Returns:
        A name that is safe in a zip and comes back unchanged from `member_names`: in NFC, at
        most 200 bytes of UTF-8, with the suffix of `filename`.
    """
    [safe] = member_names([filename])
    stem, suffix = name_parts(safe)
    again = f"-{attempt}" if attempt > 1 else ""
    return fitted_name(stem, f"-{job}-{number}{again}{suffix}")


def number_in(name: str, job: str) -> int | None:
    """Give the number of the source that a name of `remote_name` was made for.

    Args:
        name: The name as a service gives it back.
        job: The journal's own letters.

    Returns:
        The number; None if the name was made by another job, or by somebody else.
    """
    found = re.search(rf"-{re.escape(job)}-(\d{{1,18}})(?:-\d+)?(?:\.[^.]*)?$", name, re.IGNORECASE)
    return None if found is None else int(found[1])


def is_of_another(name: str, own: str) -> bool:
    """Say whether a name was made for another source of the job that made `own`."""
    ours = _JOB_AND_NUMBER.search(own)
    return ours is not None and number_in(name, ours[1]) not in {None, int(ours[2])}


def name_key(name: str) -> str:
    """Give what a remote name and its forms have in common that a service may give back.

    It may come with a folder before it, in another case, or with its accents written apart.
    """
    last = next((part for part in reversed(_SEPARATORS.split(name)) if part), "")
    return caseless(last)


def same_name(one: str, other: str) -> bool:
    """Say whether one name is a form of the other that a service may give back."""
    return name_key(one) == name_key(other)


def absolute(path: str | os.PathLike[str], folder: str) -> str:
    """Give the path by which a file is known from whatever folder a run is made.

    Args:
        path: As the user says it.
        folder: From where it goes, if it is relative.
    """
    # Without a look at the disk, `link/..` can't be made shorter: it is where the link leads.
    return str(Path(folder, path))
