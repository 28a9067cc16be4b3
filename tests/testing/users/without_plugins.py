"""What a user's tests look like that aren't async, or aren't pytest's."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Iterator

import pytest

from klearstack_async import KlearStack
from klearstack_async.testing import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def klearstack_sandbox() -> Iterator[RunningSandbox]:
    """One for all tests of this module, in place of the plugin's."""
    with running_sandbox(company_name="acme") as running:
        yield running


@pytest.mark.parametrize("nth", [1, 2])
def test_each_run_has_a_loop_of_its_own(
    klearstack_environment: dict[str, str], klearstack_sandbox: RunningSandbox, nth: int
) -> None:
    async def log_in() -> None:
        async with KlearStack.from_env() as ks:
            await ks.auth.login()

    asyncio.run(log_in())
    assert klearstack_environment["KLEARSTACK_COMPANY"] == "acme"
    assert klearstack_sandbox.requests["get_access_token"] == nth


class TestUnittest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        sandbox = self.enterContext(running_sandbox())
        self.ks = await self.enterAsyncContext(sandbox.client())

    async def test_the_account_is_empty(self) -> None:
        assert len(await self.ks.results.of_user()) == 0
