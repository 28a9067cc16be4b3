"""Fixtures for all tests."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The library is asyncio-native: aiohttp is."""
    return "asyncio"
