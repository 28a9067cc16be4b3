"""What a user's tests look like with pytest-asyncio and `asyncio_mode = "auto"`."""

from __future__ import annotations

from pathlib import Path

import pytest

from klearstack_async import KlearStack, Upload
from klearstack_async.testing import RunningSandbox


@pytest.fixture
async def upload(klearstack: KlearStack, klearstack_invoice: Path) -> Upload:
    return await klearstack.uploads.document(klearstack_invoice)


async def test_what_was_uploaded_is_read(
    klearstack: KlearStack, klearstack_sandbox: RunningSandbox, upload: Upload
) -> None:
    batch = await klearstack.results.wait(upload, expected=1)
    assert batch.documents[0]["Inv_Total"].value == "17956.25"
    assert len(klearstack_sandbox.documents()) == 1
