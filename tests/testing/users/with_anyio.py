"""What a user's tests look like with anyio's plugin; `test_testing_plugin.py` runs them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from klearstack_async import KlearStack, OutcomeUnknown, PermissionDenied, Upload
from klearstack_async.sandbox import Fault, SandboxUser
from klearstack_async.testing import RunningSandbox

pytestmark = pytest.mark.anyio

PROGRAM = """
import asyncio
from klearstack_async import KlearStack

async def main():
    async with KlearStack.from_env() as ks:
        await ks.auth.login()

asyncio.run(main())
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def upload(klearstack: KlearStack, klearstack_invoice: Path) -> Upload:
    return await klearstack.uploads.document(klearstack_invoice)


async def test_what_was_uploaded_is_read(klearstack: KlearStack, upload: Upload) -> None:
    batch = await klearstack.results.wait(upload, expected=1)
    assert batch.documents[0]["Inv_Number"].value == "INV-20417"
    assert batch.documents[0]["Inv_Total"].value == "17956.25"


async def test_each_test_has_a_sandbox_of_its_own(
    klearstack_sandbox: RunningSandbox, upload: Upload
) -> None:
    assert [one.batch_id for one in klearstack_sandbox.documents()] == [upload.batch_id]
    assert klearstack_sandbox.requests["processdocument"] == 1


async def test_a_refusal_is_tried_again(
    klearstack: KlearStack, klearstack_sandbox: RunningSandbox, klearstack_invoice: Path
) -> None:
    klearstack_sandbox.faults = [Fault("rate_limited", endpoint="uploads", times=1)]
    await klearstack.uploads.document(klearstack_invoice)
    assert klearstack_sandbox.requests["processdocument"] == 2
    assert klearstack_sandbox.faults_made == {"rate_limited": 1}
    assert len(klearstack_sandbox.documents()) == 1


async def test_a_lost_answer_leaves_doubt(
    klearstack: KlearStack, klearstack_sandbox: RunningSandbox, klearstack_invoice: Path
) -> None:
    klearstack_sandbox.faults = [Fault("reset_after", endpoint="uploads")]
    with pytest.raises(OutcomeUnknown):
        await klearstack.uploads.document(klearstack_invoice)
    assert len(klearstack_sandbox.documents()) == 1


@pytest.mark.klearstack(faults=[Fault("truncated", endpoint="getbatchdocuments", times=1)])
async def test_faults_may_stand_in_the_marker(
    klearstack: KlearStack, klearstack_sandbox: RunningSandbox, upload: Upload
) -> None:
    await klearstack.results.wait(upload, expected=1)
    assert klearstack_sandbox.faults_made == {"truncated": 1}


@pytest.mark.klearstack(
    users=[SandboxUser("eve", "eve's password", "Creator", may_pull_modified=False)]
)
async def test_another_user_may_do_less(klearstack_sandbox: RunningSandbox) -> None:
    async with klearstack_sandbox.client(username="eve", password="eve's password") as eve:
        with pytest.raises(PermissionDenied):
            await eve.results.modified()


async def test_a_client_from_the_environment_finds_the_sandbox(
    klearstack_environment: dict[str, str], klearstack_sandbox: RunningSandbox
) -> None:
    async with KlearStack.from_env() as ks:
        await ks.auth.login()
    assert klearstack_sandbox.requests == {"get_access_token": 1}


async def test_so_does_a_process_of_its_own(
    klearstack_environment: dict[str, str], klearstack_sandbox: RunningSandbox
) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM)
    assert await process.wait() == 0
    assert klearstack_sandbox.requests == {"get_access_token": 1}
