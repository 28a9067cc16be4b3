"""Opening the parts of a sandbox, in order; what it pushes on the stack closes them in reverse."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from klearstack_async.sandbox import records
from klearstack_async.sandbox.faults.choice import Faults
from klearstack_async.sandbox.processing import Processing
from klearstack_async.sandbox.push import Pushing
from klearstack_async.sandbox.push_target import PushTarget
from klearstack_async.sandbox.rate import RateLimit
from klearstack_async.sandbox.schema import SCHEMAS
from klearstack_async.sandbox.service import Service, Settings
from klearstack_async.sandbox.spool import Spool
from klearstack_async.sandbox.store import Store
from klearstack_async.sandbox.threads import Threads
from klearstack_async.sandbox.tokens import TokenMint, TokenType
from klearstack_async.sandbox.users import SandboxUser, company_of


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sandbox is made of, and what lives longer than one run of its parts."""

    settings: Settings
    company_name: str
    users: tuple[SandboxUser, ...]
    lifetimes_seconds: dict[TokenType, float]
    folder: Path | None
    push: PushTarget | None
    now: Callable[[], datetime]
    requests: Counter[str]
    faults: Faults
    rate: RateLimit


async def open_service(stack: AsyncExitStack, plan: Plan) -> Service:
    """Open everything that handlers need.

    Raises:
        OSError: The folder can't be used.
    """
    files = Threads("files", count=4)
    stack.push_async_callback(files.close)
    temporary = plan.folder is None
    folder = await files.run(_make_folder, plan.folder)
    if temporary:
        stack.push_async_callback(files.run, shutil.rmtree, folder, ignore_errors=True)
    spool = Spool(folder / "spool", files)
    stack.push_async_callback(spool.close)
    await spool.open()
    store = Store(folder / "sandbox.db", SCHEMAS, temporary=temporary)
    stack.push_async_callback(store.close)
    await store.open()
    secret = await store.run(records.setting, "token_secret", partial(secrets.token_hex, 32))
    company = await store.run(company_of, plan.company_name, plan.users)
    unzipping = Threads("unzip")
    stack.push_async_callback(unzipping.close)
    pushing = Pushing(store, plan.now)
    stack.push_async_callback(pushing.stop)
    await pushing.start(plan.push)
    processing = Processing(store, folder / "contents", plan.now, pushing.wake)
    stack.push_async_callback(processing.stop)
    processing.start()
    return Service(
        settings=plan.settings,
        company=company,
        now=plan.now,
        tokens=TokenMint(secret, plan.lifetimes_seconds, plan.now),
        store=store,
        spool=spool,
        unzipping=unzipping,
        processing=processing,
        pushing=pushing,
        contents_folder=folder / "contents",
        requests=plan.requests,
        faults=plan.faults,
        rate=plan.rate,
    )


def _make_folder(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="klearstack-sandbox-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
