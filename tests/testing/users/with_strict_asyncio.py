"""What a user's tests look like with pytest-asyncio, each marked, in loops of several scopes."""

from __future__ import annotations

from pathlib import Path

import pytest

from klearstack_async import KlearStack
from klearstack_async.sandbox import Fault
from klearstack_async.testing import RunningSandbox


@pytest.mark.asyncio
async def test_what_was_uploaded_is_read(klearstack: KlearStack, klearstack_invoice: Path) -> None:
    upload = await klearstack.uploads.document(klearstack_invoice)
    batch = await klearstack.results.wait(upload, expected=1)
    assert batch.documents[0]["Inv_Total"].value == "17956.25"


@pytest.mark.asyncio
async def test_a_refusal_is_tried_again(
    klearstack: KlearStack, klearstack_sandbox: RunningSandbox, klearstack_invoice: Path
) -> None:
    klearstack_sandbox.faults = [Fault("unavailable", endpoint="uploads", times=1)]
    await klearstack.uploads.document(klearstack_invoice)
    assert klearstack_sandbox.requests["processdocument"] == 2


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.asyncio(loop_scope="session")
async def test_the_client_is_in_the_loop_of_the_session(klearstack: KlearStack, nth: int) -> None:
    assert len(await klearstack.results.of_user()) == 0


@pytest.mark.asyncio(loop_scope="module")
class TestClass:
    async def test_the_client_is_in_the_loop_of_the_module(self, klearstack: KlearStack) -> None:
        assert len(await klearstack.results.of_user()) == 0
