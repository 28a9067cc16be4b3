"""One upload of 1 GB over TLS."""

from __future__ import annotations

from benchmarks.case import Case, Goal
from benchmarks.uploading import check, curl, form_data, ours, prepare

__all__ = ["CASE"]

CASE = Case(
    name="upload-1gb-tls",
    title="one 1 GB upload, TLS",
    contenders={"klearstack_async": ours, "aiohttp, FormData": form_data, "curl": curl},
    goals=(Goal("aiohttp, FormData", 1.2), Goal("curl", 1.0)),
    server="tls",
    prepare=prepare,
    check=check,
    needs={"curl": ("$curl",)},
    quick={"files": 1, "bytes": 20_000_000, "at_once": 1},
    full={"files": 1, "bytes": 1_000_000_000, "at_once": 1},
)
