"""5,000 uploads of 100 KB, 16 at a time."""

from __future__ import annotations

from benchmarks.case import Case, Goal
from benchmarks.uploading import check, form_data, httpx_client, ours, prepare, requests_threads

__all__ = ["CASE"]

CASE = Case(
    name="uploads-100kb",
    title="5,000 uploads of 100 KB, 16 at a time",
    contenders={
        "klearstack_async": ours,
        "aiohttp, FormData": form_data,
        "httpx": httpx_client,
        "requests, 16 threads": requests_threads,
    },
    goals=(Goal("aiohttp, FormData", 1.2), Goal("httpx", 3), Goal("requests, 16 threads", 2)),
    server="plain",
    prepare=prepare,
    check=check,
    needs={"httpx": ("httpx",), "requests, 16 threads": ("requests",)},
    quick={"files": 100, "bytes": 100_000, "at_once": 16},
    full={"files": 5_000, "files_httpx": 1_000, "bytes": 100_000, "at_once": 16},
)
