"""Where a bulk run writes its outcomes down, and in which form. Pure: nothing is opened here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from klearstack_async.bulk.outcome import Outcome

__all__ = ["Sink", "json_lines"]


@dataclass(frozen=True, slots=True)
class Sink:
    """A file that a bulk run appends its outcomes to, each as soon as it is taken.

    Attributes:
        path: The file; also a device or a pipe.
        encode: Makes of an outcome what is appended, with its end of line.
        header: What the file begins with.
        overwrite: Whether a file with something in it may be replaced. A run that goes on with
            its journal goes on with its file, whatever this says.
    """

    path: Path
    encode: Callable[[Outcome], bytes]
    header: bytes = b""
    overwrite: bool = False


def json_lines(path: str | os.PathLike[str], *, overwrite: bool = False) -> Sink:
    """Describe a file with one line of JSON for each outcome, as `Outcome.to_dict` gives it.

    Args:
        path: The file.
        overwrite: Whether a file with something in it may be replaced.
    """
    return Sink(Path(path), _json_line, overwrite=overwrite)


def _json_line(outcome: Outcome) -> bytes:
    return msgspec.json.encode(outcome.to_dict()) + b"\n"
