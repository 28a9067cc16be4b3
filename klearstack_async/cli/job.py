"""What a bulk run is to do: what the user typed, and what its journal remembers of that.

A journal keeps the paths and options of the command that began it, each as JSON. What is left out
later is as it was then. Where the results go and what the documents are can't be changed on the
way: half of the results would be elsewhere, or asked for in a wrong way.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread

from klearstack_async.bulk.journal import summary_of
from klearstack_async.bulk.options import BulkOptions
from klearstack_async.bulk.patterns import is_glob
from klearstack_async.bulk.sinks import Sink, json_lines
from klearstack_async.bulk.sources import Refused, sources_from
from klearstack_async.cli.arguments import BulkArguments
from klearstack_async.cli.console import printable
from klearstack_async.cli.records import csv_rows
from klearstack_async.settings import DocumentType

__all__ = ["Job", "check_that_there_is_something", "job_of"]

_RESULTS = Path("results.jsonl")
_FILES = ("out", "csv")
_OTHERS = ("document_type", "pattern", "bundle", "bundle_bytes", "duplicates")
_FOR_GOOD = ("out", "csv", "document_type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a bulk run is to do.

    Attributes:
        paths: Files, folders and patterns, as the user named them.
        out: The file of JSON lines.
        csv: The CSV file, or None.
        overwrite: Whether these may be replaced.
        journal: The journal, or None.
        is_resumed: Whether the journal has sources already.
        memo: What a new journal is to remember.
        options: What else is said to `KlearStack.bulk`.
    """

    paths: tuple[str, ...]
    out: Path = _RESULTS
    csv: Path | None = None
    overwrite: bool = False
    journal: Path | None = None
    is_resumed: bool = False
    memo: Mapping[str, str] = field(default_factory=dict)
    options: BulkOptions = field(default_factory=BulkOptions)

    @property
    def files(self) -> list[Path]:
        """The result files."""
        return [file for file in (self.out, self.csv) if file is not None]

    @property
    def sandbox_port(self) -> int | None:
        """The port of the sandbox that the journal was begun with, or None if it was none."""
        port = self.memo.get("sandbox_port")
        return None if port is None else int(port)

    def sinks(self) -> list[Sink]:
        """Describe the result files."""
        out = [json_lines(self.out, overwrite=self.overwrite)]
        if self.csv is not None:
            out.append(csv_rows(self.csv, overwrite=self.overwrite))
        return out


async def job_of(arguments: BulkArguments) -> Job:
    """Put together what is to be done.

    Args:
        arguments: What the user typed.

    Raises:
        ValueError: It makes no sense: a path isn't there, results would be lost, or something is
            said that the journal was not begun with.
        JournalError: The journal is none.
    """
    memo, is_resumed = await _remembered(arguments.journal)
    return await anyio.to_thread.run_sync(partial(_settled, arguments, memo, is_resumed=is_resumed))


async def check_that_there_is_something(job: Job) -> None:
    """Look whether there is anything to upload, before anything is begun.

    Raises:
        ValueError: There is nothing.
    """
    pattern = job.options.get("pattern")
    async with aclosing(sources_from(job.paths, pattern=pattern)) as sources:
        first = await anext(sources, None)
    where = ", ".join(map(printable, job.paths))
    if first is None:
        what = "no PDF, JPEG or PNG" if pattern is None else f"nothing that fits {pattern!r}"
        raise ValueError(f"{what} in {where}")
    if isinstance(first, Refused) and len(job.paths) == 1 and is_glob(job.paths[0]):
        raise ValueError(str(first.error))


async def _remembered(journal: Path | None) -> tuple[dict[str, Any], bool]:
    if journal is None or not await _has_content(anyio.Path(journal)):
        return {}, False
    summary = await summary_of(journal)
    memo = {name: json.loads(value) for name, value in summary.memo.items()}
    return memo, sum(summary.counts.values()) > 0


async def _has_content(path: anyio.Path) -> bool:
    # Whatever is there and no file is for the journal to refuse.
    return await path.exists() and (not await path.is_file() or (await path.stat()).st_size > 0)


def _settled(arguments: BulkArguments, memo: dict[str, Any], *, is_resumed: bool) -> Job:
    journal = arguments.journal
    given = _given(arguments)
    if is_resumed and journal is not None:
        _check_against(memo, given, journal, overwrite=arguments.overwrite)
    paths = tuple(arguments.paths or _paths_in(memo))
    if not paths:
        raise ValueError(_nothing_named(journal))
    defaults = {
        "document_type": DocumentType.INVOICES.value,
        "folder": os.getcwd(),  # noqa: PTH109 - a text, like the others
        "paths": paths,
        "out": _absolute(str(_RESULTS)),
    }
    settled = {**defaults, **memo, **given}
    job = Job(
        paths=paths,
        # As the user named them: that is how messages should.
        out=arguments.out or Path(memo.get("out", _RESULTS)),
        csv=arguments.csv or (Path(memo["csv"]) if "csv" in memo else None),
        overwrite=arguments.overwrite,
        journal=journal,
        is_resumed=is_resumed,
        memo={name: json.dumps(value) for name, value in settled.items()},
        options=_options(arguments, settled),
    )
    _check_paths(job, arguments.paths or ())
    return job


def _given(arguments: BulkArguments) -> dict[str, Any]:
    files = {name: getattr(arguments, name) for name in _FILES}
    others = {name: getattr(arguments, name) for name in _OTHERS}
    return {
        **{name: _absolute(str(file)) for name, file in files.items() if file is not None},
        **{name: value for name, value in others.items() if value is not None},
    }


def _check_against(
    memo: Mapping[str, Any], given: Mapping[str, Any], journal: Path, *, overwrite: bool
) -> None:
    if overwrite:
        raise ValueError(
            f"{journal} was begun already, and --overwrite would lose the results that it has "
            "written; leave --overwrite out to go on, or begin with a new journal"
        )
    for name in _FOR_GOOD if memo else ():
        if name in given and given[name] != memo.get(name):
            option = f"--{name.replace('_', '-')}"
            was = f"with {option} {memo[name]}" if name in memo else f"without {option}"
            raise ValueError(
                f"{journal} was begun {was}; leave {option} out to go on, or begin with a new "
                "journal"
            )


def _options(arguments: BulkArguments, settled: Mapping[str, Any]) -> BulkOptions:
    of_job = {name: settled[name] for name in _OTHERS if name in settled}
    of_run = {
        "workers": arguments.workers,
        "retry_failed": arguments.retry_failed,
        "in_doubt": arguments.in_doubt.value,
    }
    return cast("BulkOptions", {**of_job, **of_run})


def _nothing_named(journal: Path | None) -> str:
    if journal is None:
        return "name the files or folders to upload"
    return (
        f"name the files or folders to upload: {journal} doesn't remember any yet "
        "(what a program of your own began goes on with that program, or with its paths here)"
    )


def _check_paths(job: Job, typed: tuple[str, ...] | list[str]) -> None:
    missing = [path for path in typed if not (Path(path).exists() or is_glob(path))]
    if missing:
        hint = "; leave the paths out to go on with those of the journal" if job.is_resumed else ""
        raise ValueError(f"there is no {', no '.join(missing)}{hint}")
    if len({file.resolve() for file in job.files}) < len(job.files):
        raise ValueError("--out and --csv are the same file; give them two names")
    existing = [str(path) for path in job.files if path.is_file()]
    if existing and not job.overwrite and not job.is_resumed:
        raise ValueError(
            f"{' and '.join(existing)} would be replaced; choose another name, or pass --overwrite"
        )


def _paths_in(memo: Mapping[str, Any]) -> list[str]:
    """Give the paths that a journal remembers: as they were typed, if that was in this folder.

    So a source has the same name in the results, whichever run it ends in.
    """
    paths, folder = memo.get("paths", []), memo.get("folder", "")
    if folder == os.getcwd():  # noqa: PTH109 - as it was noted
        return [*paths]
    # That folder's name may have a bracket in it.
    return [str(Path(glob.escape(folder) if is_glob(path) else folder, path)) for path in paths]


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links stay as they are
