"""The rows of the table: each module here has a `CASE`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from benchmarks.case import Case

__all__ = ["ORDER", "case_named", "names"]

# As the rows stand in the table; what isn't named here comes last.
ORDER = (
    "small-calls",
    "upload-1gb",
    "upload-1gb-tls",
    "uploads-1mb",
    "uploads-100kb",
    "bundle",
    "results-stream",
    "results-whole",
    "results-whole-keyed",
    "limiter",
    "fan-out",
    "end-to-end",
    "import-time",
)


def names() -> list[str]:
    """Name the cases there are, in the table's order."""
    found = [module.name.replace("_", "-") for module in iter_modules(__path__)]
    found = [name for name in found if hasattr(_module(name), "CASE")]
    return sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


def case_named(name: str) -> Case:
    """Give the case of this name, which is its module's with hyphens."""
    case: Case = _module(name).CASE
    return case


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name.replace('-', '_')}")
