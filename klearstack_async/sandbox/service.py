"""What every handler is given: the settings and the parts of one running sandbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from klearstack_async.sandbox.faults.choice import Faults
from klearstack_async.sandbox.processing import Processing
from klearstack_async.sandbox.push import Pushing
from klearstack_async.sandbox.rate import RateLimit
from klearstack_async.sandbox.selection import State
from klearstack_async.sandbox.shapes import BatchShape
from klearstack_async.sandbox.spool import Spool
from klearstack_async.sandbox.store import Store
from klearstack_async.sandbox.threads import Threads
from klearstack_async.sandbox.tokens import TokenMint
from klearstack_async.sandbox.users import Company

StatusKey: TypeAlias = Literal["extraction_status", "status", "extractionStatus"] | None

StatusWords: TypeAlias = Mapping[State, str]
"""How the states of a batch are spelt."""

STATUS_WORDS: StatusWords = {
    "processing": "processing",
    "completed": "completed",
    "failed": "failed",
}

ImageAnswer: TypeAlias = Literal["bytes", "base64", "url"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a sandbox is told at its start."""

    processing_seconds: float
    batch_shape: BatchShape
    status_key: StatusKey
    status_words: StatusWords
    max_upload_bytes: int
    image_answer: ImageAnswer


@dataclass(frozen=True, slots=True)
class Service:
    """The running parts; handlers are functions of this and a form.

    A fault may give a request a service of its own, with other settings.
    """

    settings: Settings
    company: Company
    now: Callable[[], datetime]
    tokens: TokenMint
    store: Store
    spool: Spool
    unzipping: Threads
    processing: Processing
    pushing: Pushing
    contents_folder: Path
    requests: Counter[str]
    faults: Faults
    rate: RateLimit
