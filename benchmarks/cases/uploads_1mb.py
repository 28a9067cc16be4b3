"""1,000 uploads of 1 MB, 8 at a time."""

from __future__ import annotations

from benchmarks.case import Case, Goal
from benchmarks.uploading import check, form_data, httpx_client, ours, prepare

__all__ = ["CASE"]

CASE = Case(
    name="uploads-1mb",
    title="1,000 uploads of 1 MB, 8 at a time",
    contenders={"klearstack_async": ours, "aiohttp, FormData": form_data, "httpx": httpx_client},
    goals=(Goal("aiohttp, FormData", 1.4), Goal("httpx", 2.2)),
    server="plain",
    prepare=prepare,
    check=check,
    needs={"httpx": ("httpx",)},
    quick={"files": 16, "bytes": 1_000_000, "at_once": 8},
    full={"files": 1_000, "bytes": 1_000_000, "at_once": 8},
)
