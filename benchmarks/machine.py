"""Where figures were measured: the machine and the versions, without names or paths."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["machine", "sentence"]

_PACKAGES = (
    "klearstack-async", "aiohttp", "msgspec", "uvloop", "isal", "httpx", "requests", "aiolimiter",
    "orjson", "pydantic", "zipstream-ng",
)  # fmt: skip


_HAS_AFFINITY = hasattr(os, "sched_getaffinity")


def machine() -> dict[str, str]:
    """Tell what the figures depend on."""
    facts = {
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0)) if _HAS_AFFINITY else os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    for name in _PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            continue
    if shutil.which("curl"):
        said = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=False)
        facts["curl"] = said.stdout.split()[1] if said.stdout else "unknown"
    return facts


def sentence(date: str, runs: int, facts: dict[str, str], *, pinned: bool) -> str:
    """Say it in one line, to stand below a table."""
    own = {"cpu", "cores", "system", "python"}
    versions = ", ".join(f"{name} {value}" for name, value in facts.items() if name not in own)
    server = "on a core of its own" if pinned else "on whichever core the system gives it"
    cores = "1 core" if facts["cores"] == "1" else f"{facts['cores']} cores"
    return (
        f"Measured {date}: {facts['cpu']}, {cores}, {facts['system']}, "
        f"Python {facts['python']}, {versions}; medians of {runs} runs in turn, each in a process "
        f"of its own. The server runs beside, {server}."
    )


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
