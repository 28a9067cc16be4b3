"""What a drop of files becomes: a bulk run of its own, its events, and its documents.

A job's key can't be guessed: it is all that somebody needs to see what is in it. So no endpoint
takes a document's id without one; ids alone would open the account's other documents.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from anyio.abc import TaskGroup
from starlette.datastructures import FormData, UploadFile

from klearstack_async import FileSource, KlearStack, Outcome
from klearstack_async.fastapi import BulkEvents

MOST_JOBS = 100


class Job:
    """One drop of files."""

    def __init__(self, ks: KlearStack, form: FormData) -> None:
        """Take the form over: its files, which may be large and on disk, are closed at the end."""
        uploads = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
        self.key = secrets.token_urlsafe(16)
        self.names = distinct(upload.filename or "" for upload in uploads)
        self.document_ids: set[str] = set()
        self._form = form
        sources = [
            FileSource(upload.file, name) for upload, name in zip(uploads, self.names, strict=True)
        ]
        # Who drops a file twice wants to see it twice.
        run = ks.bulk(sources, duplicates="send")
        self.events = BulkEvents(run, tell=self._told)
        self.is_over = False

    async def run(self) -> None:
        """Read all of it, whether or not somebody watches."""
        try:
            await self.events.drive(self._remember)
        finally:
            self.is_over = True
            await self._form.close()

    async def _remember(self, outcome: Outcome) -> None:
        self.document_ids.update(one.document_id for one in outcome.documents if one.document_id)

    def _told(self, outcome: Outcome) -> Mapping[str, Any]:
        documents = [
            {
                "pages": document.document_id and f"jobs/{self.key}/pages/{document.document_id}",
                "confidence": document.overall_confidence,
                "fields": [field.to_dict() for field in document],
            }
            for document in outcome.documents
        ]
        return {"documents": documents}


class Jobs:
    """The last jobs, by their keys. They live in this process: a service of several has a store."""

    def __init__(self, tasks: TaskGroup, most: int = MOST_JOBS) -> None:
        """Begin with none; their runs become tasks of this group."""
        self._tasks, self._most = tasks, most
        self._jobs: dict[str, Job] = {}

    def start(self, ks: KlearStack, form: FormData) -> Job | None:
        """Begin a job; None if there are too many that aren't over."""
        if len(self._jobs) >= self._most:
            over = [job for job in self._jobs.values() if job.is_over]
            if not over:
                return None
            # Junk goes first, so that no heap of it drives out what somebody still looks at.
            gone = next((job for job in over if not job.document_ids), over[0])
            del self._jobs[gone.key]
        job = Job(ks, form)
        self._jobs[job.key] = job
        self._tasks.start_soon(job.run)
        return job

    def get(self, key: str) -> Job | None:
        """Give a job; None if there is none, or not any more."""
        return self._jobs.get(key)


def distinct(names: Iterable[str]) -> list[str]:
    """Make names differ, so that each outcome can be told to be one file's."""
    given: list[str] = []
    seen: Counter[str] = Counter()
    for name in names:
        # Folders of any system's: the names of sources are told without them.
        path = PurePath(PurePath(name.replace("\\", "/")).name or "unnamed")
        new = path.name
        while new in given:
            seen[path.name] += 1
            new = f"{path.stem} ({seen[path.name] + 1}){path.suffix}"
        given.append(new)
    return given
