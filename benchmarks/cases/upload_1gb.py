"""One upload of 1 GB."""

from __future__ import annotations

from benchmarks.case import Case, Goal
from benchmarks.uploading import check, curl, form_data, ours, prepare

__all__ = ["CASE"]

CASE = Case(
    name="upload-1gb",
    title="one 1 GB upload",
    contenders={"klearstack_async": ours, "aiohttp, FormData": form_data, "curl": curl},
    goals=(Goal("aiohttp, FormData", 1.5), Goal("curl", 1.0)),
    server="plain",
    prepare=prepare,
    check=check,
    needs={"curl": ("$curl",)},
    quick={"files": 1, "bytes": 20_000_000, "at_once": 1},
    full={"files": 1, "bytes": 1_000_000_000, "at_once": 1},
)
