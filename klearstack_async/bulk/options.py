"""What a user can say about a bulk run, its defaults, and what makes no sense."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from klearstack_async.bulk.patterns import folder_pattern
from klearstack_async.bulk.progress import Progress
from klearstack_async.bulk.sinks import Sink, json_lines
from klearstack_async.endpoints.uploads import DocumentOptions, UploadOptions, check_options
from klearstack_async.settings import DocumentType

__all__ = ["WORKERS", "BulkOptions", "BulkSettings", "settings_of"]

# At 30 ms for each call, 8 take 7.5 s for 2,000 uploads, and so many 2 s.
WORKERS = 32

_ONLY_ALONE = DocumentOptions.__annotations__.keys() - UploadOptions.__annotations__.keys()


class BulkOptions(DocumentOptions, total=False):
    """How a bulk run works, besides what can be said about each upload.

    Attributes:
        journal: A file (SQLite) in which the run notes how far each source is: run the same again
            after it was stopped or killed, and it goes on.
        out: A file that gets each outcome as a line of JSON; or a `Sink`, or several of both.
        bundle: Upload so many documents at a time in a zip that is built while it is sent; one by
            one if left out.
        bundle_bytes: How large such a zip may get; 64 MiB if left out. What is larger goes alone.
        pattern: Which files of a folder are meant, such as `*.pdf` or `2026/**/*.jpg`; all PDFs,
            JPEGs and PNGs if left out.
        duplicates: `skip` (if left out) a source whose content was taken already, or `send` it.
        in_doubt: `report` (if left out) what may have been stored and can't be found at the
            service, or `resend` it, which may store it twice.
        retry_failed: Try those of the journal again that have failed.
        workers: Uploads at a time, and as many looks for results; 32 if left out.
        outstanding: Sources begun and not yet taken by the user, at most; 1,000 if left out.
        wait_seconds: How long a batch may take after its upload; 900 if left out.
        outage_seconds: How long to wait for a service that can't be reached or takes nothing,
            before the run ends; 3,600 if left out.
        on_progress: Called with a `Progress` twice a second and at the end; a plain function.
        memo: Texts to keep in a new journal, for whoever reads it later.
    """

    journal: str | os.PathLike[str] | None
    out: str | os.PathLike[str] | Sink | Iterable[str | os.PathLike[str] | Sink] | None
    bundle: int | None
    bundle_bytes: int
    pattern: str | None
    duplicates: Literal["skip", "send"]
    in_doubt: Literal["report", "resend"]
    retry_failed: bool
    workers: int
    outstanding: int
    wait_seconds: float
    outage_seconds: float
    on_progress: Callable[[Progress], None] | None
    memo: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BulkSettings:
    """`BulkOptions`, checked, with the defaults filled in; `upload` is the part about uploads."""

    upload: DocumentOptions
    journal: str | os.PathLike[str] | None = None
    out: tuple[Sink, ...] = ()
    bundle: int = 1
    bundle_bytes: int = 64 << 20
    pattern: str | None = None
    duplicates: Literal["skip", "send"] = "skip"
    in_doubt: Literal["report", "resend"] = "report"
    retry_failed: bool = False
    workers: int = WORKERS
    outstanding: int = 1000
    wait_seconds: float = 900.0
    outage_seconds: float = 3600.0
    on_progress: Callable[[Progress], None] | None = None
    memo: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_numbers(self)
        for name, known in (("duplicates", ("skip", "send")), ("in_doubt", ("report", "resend"))):
            if (word := getattr(self, name)) not in known:
                raise ValueError(f"{name} is {' or '.join(map(repr, known))}, not {word!r}")
        if inspect.iscoroutinefunction(self.on_progress):
            raise TypeError("on_progress= is a plain function: nobody would await another")
        if self.pattern is not None:
            folder_pattern(self.pattern)
        alone = sorted(_ONLY_ALONE & self.upload.keys())
        if self.bundle > 1 and alone:
            raise ValueError(f"{alone[0]} can't be said about a bundle; leave out bundle=")

    @property
    def document_type(self) -> str:
        """What the documents are."""
        return self.upload.get("document_type") or DocumentType.INVOICES

    @property
    def of_bundles(self) -> UploadOptions:
        """What can be said about a bundle: all that is given, or it would have been refused."""
        return self.upload


def _check_numbers(settings: BulkSettings) -> None:
    for name in ("bundle", "bundle_bytes", "workers", "outstanding"):
        number = getattr(settings, name)
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} must be 1 or more, and whole, not {number}")
    for name in ("wait_seconds", "outage_seconds"):
        # Also what isn't a number at all.
        if not 0 < getattr(settings, name) < float("inf"):
            raise ValueError(f"{name} must be more than 0, not {getattr(settings, name)}")


def settings_of(options: BulkOptions) -> BulkSettings:
    """Check the options of a run, and fill the defaults in.

    Raises:
        TypeError: There is no such option.
        ValueError: One makes no sense.
    """
    check_options(options, BulkOptions)
    of_upload = DocumentOptions.__annotations__
    # An option that is None was left out, whoever passed it on.
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    upload = cast("DocumentOptions", {key: given.pop(key) for key in [*given] if key in of_upload})
    return BulkSettings(upload, **given | {"out": _sinks(given.get("out", ()))})


def _sinks(out: Any) -> tuple[Sink, ...]:
    match out:
        case Sink():
            return (out,)
        case str() | os.PathLike():
            return (json_lines(out),)
        case Iterable():
            return tuple(sink for one in out for sink in _sinks(one))
    raise TypeError(f"out= is a path, a Sink, or several of them, not {type(out).__name__}")
