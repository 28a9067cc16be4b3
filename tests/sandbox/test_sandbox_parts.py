from __future__ import annotations

import ast
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_kit import image, pdf, zip_of

import klearstack_async.sandbox
from klearstack_async.sandbox import Sandbox
from klearstack_async.sandbox.multipart import (
    MultipartError,
    MultipartParser,
    PartBegins,
    PartData,
    PartEnds,
    header_parameters,
)
from klearstack_async.sandbox.routes import ROUTES
from klearstack_async.sandbox.sniff import kind_of

PACKAGE = Path(klearstack_async.sandbox.__file__).parent
# Bytes in which a boundary and what looks like one are likely.
TRICKY = st.lists(
    st.sampled_from([b"\r", b"\n", b"--", b"x", b"--x", b"\r\n--x", b"\r\n--xy", b" ", b"\xff"])
).map(b"".join)


def parsed(chunks: list[bytes]) -> list[tuple[str, str | None, bytes]]:
    parser = MultipartParser("xyz")
    parts: list[tuple[str, str | None, bytes]] = []
    opened = False
    for chunk in chunks:
        for event in parser.feed(chunk):
            if isinstance(event, PartBegins):
                parts.append((event.name, event.file_name, b""))
                opened = True
            elif isinstance(event, PartData):
                assert opened
                name, file_name, data = parts[-1]
                parts[-1] = (name, file_name, data + event.data)
            elif isinstance(event, PartEnds):
                opened = False
    assert not opened
    parser.close()
    return parts


def cut(body: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[a:b] for a, b in pairwise(marks)]


@given(
    st.lists(TRICKY, max_size=4),
    st.lists(st.integers(0, 10_000), max_size=30),
    st.sampled_from([b"", b"preamble\r\n"]),
    st.sampled_from([b"", b"\r\n", b"\r\nepilogue --xyz"]),
)
def test_any_parts_come_out_however_the_bytes_are_cut(
    datas: list[bytes], places: list[int], preamble: bytes, epilogue: bytes
) -> None:
    datas = [data for data in datas if b"\r\n--xyz" not in b"\r\n" + data]
    body = preamble
    for number, data in enumerate(datas):
        head = f'--xyz\r\nContent-Disposition: form-data; name="{number}"; filename="f"\r\n\r\n'
        body += head.encode() + data + b"\r\n"
    body += b"--xyz--" + epilogue
    expected = [(str(number), "f", data) for number, data in enumerate(datas)]
    assert parsed(cut(body, places)) == expected
    assert parsed([body[at : at + 1] for at in range(len(body))]) == expected


@given(st.lists(TRICKY | st.binary(max_size=80) | st.just(b"\r\n--xyz\r\nContent-Disposition: a")))
def test_whatever_comes_in_the_parser_ends_or_refuses(chunks: list[bytes]) -> None:
    try:
        parsed(chunks)
    except (MultipartError, AssertionError):
        return


def test_white_space_after_a_boundary_is_padding_and_a_longer_boundary_is_data() -> None:
    head = b'Content-Disposition: form-data; name="a"\r\n\r\n'
    body = b"--xyz \t\r\n" + head + b"1\r\n--xyzz\r\n2\r\n--xyz--\r\n"
    assert parsed([body]) == [("a", None, b"1\r\n--xyzz\r\n2")]


def test_endless_padding_is_not_kept_in_memory() -> None:
    parser = MultipartParser("xyz")
    for _ in range(100):
        list(parser.feed(b"\r\n--xyz" + b" " * 1000))
    assert len(parser._buffer) < 2000


def test_endless_headers_are_refused() -> None:
    parser = MultipartParser("xyz")
    list(parser.feed(b"--xyz\r\n"))
    list(parser.feed(b"A: " + b"b" * 15_000 + b"\r\n"))
    with pytest.raises(MultipartError, match="headers"):
        list(parser.feed(b"A: " + b"b" * 2000 + b"\r\n"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("form-data", {}),
        ('form-data; name="a"', {"name": "a"}),
        ("form-data; name=a ; filename=b", {"name": "a", "filename": "b"}),
        ('form-data; NAME="a"; filename=""', {"name": "a", "filename": ""}),
        ('form-data; filename="a; name=b"', {"filename": "a; name=b"}),
        (r'form-data; filename="a\"b\\c\d"', {"filename": r'a"b\c\d'}),
        ("form-data; filename=a; filename*=utf-8''%C3%BC", {"filename": "ü"}),
        ("form-data; filename=a; filename*=nonsense''%C3%BC", {"filename": "a"}),
    ],
)
def test_header_parameters(value: str, expected: dict[str, str]) -> None:
    assert header_parameters(value) == expected


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (pdf(), "pdf"),
        (b" " * 1019 + b"%PDF-", "pdf"),
        (b" " * 1020 + b"%PDF-", None),
        (image("png"), "png"),
        (image("jpeg"), "jpeg"),
        (b" " + image("png"), None),
        (b"", None),
        (b"GIF89a", None),
        (zip_of(("a.pdf", pdf())), None),
    ],
)
def test_a_kind_is_told_by_the_first_bytes(head: bytes, kind: str | None) -> None:
    assert kind_of(head) == kind


def test_every_route_has_its_own_path_and_a_documented_handler() -> None:
    assert len({route.path for route in ROUTES}) == len(ROUTES)
    assert all(route.handler.__doc__ for route in ROUTES)


def test_the_sandbox_imports_nothing_else_of_the_package() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                names = [node.module or ""]
            for name in names:
                inside = name.startswith("klearstack_async.sandbox")
                assert inside or not name.startswith("klearstack_async"), (path, name)


@pytest.mark.parametrize("module", ["pypdfium2", "jwt", "PIL"])
def test_a_missing_extra_is_named(module: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; import klearstack_async.sandbox"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        "ImportError: the sandbox needs an extra: pip install 'klearstack-async[sandbox]' "
        "(in a checkout: pip install '.[sandbox]')"
    )


@pytest.mark.parametrize(
    "settings", [{"batch_shape": "round"}, {"status_key": "state"}], ids=["shape", "status"]
)
def test_an_unknown_choice_is_a_value_error(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        Sandbox(**settings)  # type: ignore[arg-type]


def test_no_repr_shows_the_password() -> None:
    sandbox = Sandbox(password="pass-never-shown")
    assert "pass-never-shown" not in repr(sandbox)
    assert "pass-never-shown" not in repr(sandbox._settings)
