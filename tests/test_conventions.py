"""The house rules that a reader can't see in one file."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import klearstack_async
from klearstack_async import errors

PACKAGE = Path(klearstack_async.__file__).parent

# Each room may use itself and those before it. Modules of the top folder are rooms of their own.
ORDER = (
    "_version",
    "errors",
    "attempts",
    "telemetry",
    "limits",
    "values",
    "settings",
    "field",
    "collector",
    "ordinary",
    "keyed",
    "contents",
    "document",
    "models",
    "wire",
    "transport",
    "pushes",
    "endpoints",
    "configuration",
    "bulk",
    "outgoing",
    "exchange",
    "call",
    "telling",
    "carrier",
    "pipeline",
    "client",
    "tenants",
    "pool",
    "webhooks",
    "fastapi",
    "cli",
    "testing",
    "examples",
)


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path: Path, *, typing_too: bool = False) -> Iterator[str]:
    """Give the full names that a module imports, also inside of functions."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types and not typing_too:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_its_place() -> None:
    assert {room_of(path) for path in modules()} - {"__init__", "__main__", "sandbox"} == set(ORDER)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    room = room_of(path)
    if room in {"__init__", "__main__", "sandbox"}:
        return
    allowed = ORDER[: ORDER.index(room) + 1]
    for name in imports_of(path):
        parts = name.split(".")
        # These start sandboxes; nothing else of the client knows of them.
        if (
            parts[0] == "klearstack_async"
            and len(parts) > 1
            and not (room in {"cli", "testing", "examples"} and parts[1] == "sandbox")
            # Examples are written as users write.
            and not (room == "examples" and parts[1] in klearstack_async.__all__)
        ):
            assert parts[1] in allowed, f"{room} imports {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "sandbox").rglob("*.py")), ids=lambda p: p.stem)
def test_the_sandbox_shares_no_code_with_the_client(path: Path) -> None:
    for name in imports_of(path, typing_too=True):
        if name.startswith("klearstack_async"):
            assert name.startswith("klearstack_async.sandbox"), f"{path} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_edge_touches_sockets_and_files(path: Path) -> None:
    room = room_of(path)
    if room == "sandbox":
        return
    found = {name.partition(".")[0] for name in imports_of(path)}
    if room != "transport":
        assert "aiohttp" not in found
    # The command line writes the result files.
    if room not in {"transport", "cli"}:
        assert "aiofiles" not in found
    if room == "wire":
        assert found.isdisjoint({"anyio", "asyncio", "time", "socket", "random"})


def test_every_public_name_is_documented_and_listed_in_order() -> None:
    names = klearstack_async.__all__
    assert sorted(names) == names
    for name in names:
        thing = getattr(klearstack_async, name)
        if name == "__version__":
            continue
        assert inspect.getdoc(thing), f"{name} has no docstring"
        if not inspect.isclass(thing):
            continue
        for member, value in vars(thing).items():
            if not member.startswith("_") and (
                inspect.isfunction(value) or isinstance(value, property)
            ):
                assert inspect.getdoc(value), f"{name}.{member} has no docstring"


def test_the_tree_of_errors_in_the_docstring_is_the_tree() -> None:
    drawn = [
        line.replace("│", " ").replace("├──", "   ").replace("└──", "   ")
        for line in (errors.__doc__ or "").splitlines()
        if "──" in line or line.strip() == "KlearStackError"
    ]
    above: dict[int, str] = {}
    found = set()
    for line in drawn:
        depth = (len(line) - len(line.lstrip())) // 4
        name = line.split()[0]
        above[depth] = name
        found.add(name)
        kind = getattr(errors, name)
        if depth > 1:
            assert issubclass(kind, getattr(errors, above[depth - 1])), name
    assert found == set(errors.__all__)


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
