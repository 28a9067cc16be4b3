"""What can be said to `klearstack bulk`: each option once, with its help.

Those that are None when they are left out belong to the job: a journal remembers them, and what is
left out is as the journal has it. The others are of one run.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from klearstack_async.bulk.options import WORKERS
from klearstack_async.settings import DocumentType

__all__ = ["BulkArguments", "Duplicates", "InDoubt", "taking"]

T = TypeVar("T")


class Duplicates(StrEnum):
    """What to do with a source whose content was taken already."""

    SKIP = "skip"
    SEND = "send"


class InDoubt(StrEnum):
    """What to do with what may have been stored, and can't be found."""

    REPORT = "report"
    RESEND = "resend"


def _path(text: str) -> str:
    # An unset shell variable would mean the current folder, and upload all of it.
    if not text:
        raise typer.BadParameter("a path is empty")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkArguments:
    """What the user typed."""

    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders of PDFs, JPEGs and PNGs, or patterns such as 'in/**/*.pdf'. "
            "May be left out where --journal remembers them.",
            parser=_path,
            show_default=False,
        ),
    ] = None
    journal: Annotated[
        Path | None,
        typer.Option(
            help="Note in this file how far each document is. The same command again, or "
            "--journal alone, goes on where the last one was stopped or killed."
        ),
    ] = None
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try those of the journal again that failed.")
    ] = False
    in_doubt: Annotated[
        InDoubt,
        typer.Option(
            help="Report what may have been stored and can't be found at the service, or send it "
            "again, which may store it twice."
        ),
    ] = InDoubt.REPORT
    out: Annotated[
        Path | None,
        typer.Option(help="One line of JSON for each file.", show_default="results.jsonl"),
    ] = None
    csv: Annotated[Path | None, typer.Option(help="Also one row of CSV for each file.")] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace result files that exist.")
    ] = False
    document_type: Annotated[
        str | None,
        typer.Option(
            help="What the documents are, such as Invoices or Receipts.",
            show_default=DocumentType.INVOICES,
        ),
    ] = None
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Which files of a folder, such as '*.pdf' or '2026/**/*.jpg'.",
            show_default="all PDFs, JPEGs and PNGs",
        ),
    ] = None
    bundle: Annotated[
        int | None,
        typer.Option(
            min=1, help="Upload so many at a time, as a zip.", show_default="one at a time"
        ),
    ] = None
    bundle_bytes: Annotated[
        int | None,
        typer.Option(min=1, help="How large such a zip may get.", show_default="64 MiB"),
    ] = None
    duplicates: Annotated[
        Duplicates | None,
        typer.Option(
            help="Skip a file whose content was taken already, or send it, too.",
            show_default="skip",
        ),
    ] = None
    workers: Annotated[int, typer.Option(min=1, help="How many uploads at a time.")] = WORKERS
    rate: Annotated[
        float | None,
        typer.Option(
            help="How many calls per second at most; as many as the service takes if not set."
        ),
    ] = None
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Use a sandbox even if an account is set.")
    ] = False


def taking(arguments: type[T]) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """Make a command of a function of one value: each of its fields becomes an option.

    Args:
        arguments: A dataclass whose fields are annotated for typer.
    """

    def decorate(function: Callable[[T], None]) -> Callable[..., None]:
        @functools.wraps(function)
        def command(**given: Any) -> None:
            function(arguments(**given))

        hints = get_type_hints(arguments, include_extras=True)
        signature = inspect.signature(arguments)
        typed = [p.replace(annotation=hints[p.name]) for p in signature.parameters.values()]
        # What typer looks at, in its older and newer versions.
        command.__signature__ = signature.replace(parameters=typed)  # type: ignore[attr-defined]
        command.__annotations__ = hints
        return command

    return decorate
