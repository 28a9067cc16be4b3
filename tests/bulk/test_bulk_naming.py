from __future__ import annotations

import dataclasses
import io
from collections.abc import AsyncIterator
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from klearstack_async.bulk.naming import (
    is_of_another,
    name_key,
    number_in,
    remote_name,
    same_name,
)
from klearstack_async.transport.archive import zipped
from klearstack_async.wire.source import BytesSource, FileSource, PathSource, Source, Stream
from klearstack_async.wire.zipping import member_names

JOB = "7f3k2a9c"

# Few letters, so that names meet; and such as fold, compose, are refused, or are white space.
letters = st.sampled_from(
    "aA\xe4\ufb00\xdf\u1e9e\u017fsK\u212a\xc5\u212b\xe9\u0130i\u0131\u0301\u0308\u0345"
    "/\\:.. ?\0\n\xa0\u3000\u202e\ud800-12\u6587\U0001f600"
)
filenames = st.one_of(
    st.text(letters, max_size=8),
    st.text(letters, max_size=4).map(lambda stem: f"{stem}.pdf"),
    st.text(max_size=300),
    st.text(st.characters(codec="utf-8"), min_size=60, max_size=300).map(lambda s: f"{s}.jpeg"),
    st.sampled_from(["", "..", "CON.pdf", "a.pdf\xa0.", "x" * 195 + "\xa0.b", f"a-{JOB}-1.pdf"]),
)


@pytest.mark.parametrize(
    ("filename", "number", "attempt", "expected"),
    [
        ("invoice.pdf", 12, 1, "invoice-7f3k2a9c-12.pdf"),
        ("invoice.pdf", 12, 2, "invoice-7f3k2a9c-12-2.pdf"),
        ("2026/January/Rechnung März.PDF", 1, 1, "Rechnung März-7f3k2a9c-1.PDF"),
        ("ma\u0308rz.png", 1, 1, "märz-7f3k2a9c-1.png"),
        ("請求書.jpeg", 3, 1, "請求書-7f3k2a9c-3.jpeg"),
        ("scan", 4, 1, "scan-7f3k2a9c-4"),
        ("", 5, 1, "document-7f3k2a9c-5"),
        (".pdf", 6, 1, "_-7f3k2a9c-6.pdf"),
        ("con.pdf", 7, 1, "_con-7f3k2a9c-7.pdf"),
        ("文" * 100 + ".pdf", 100_000, 3, "文" * 59 + "-7f3k2a9c-100000-3.pdf"),
    ],
)
def test_a_remote_name_reads_like_the_file(
    filename: str, number: int, attempt: int, expected: str
) -> None:
    assert remote_name(filename, JOB, number, attempt) == expected


@given(st.lists(filenames, min_size=1, max_size=20), st.integers(1, 10**7), st.integers(1, 3))
@example(["a.pdf\xa0."], 1, 1)
@example(["Re. what\xa0"], 1, 1)
@settings(max_examples=400)
def test_remote_names_are_fit_for_a_zip_as_they_are(
    given_names: list[str], first: int, attempt: int
) -> None:
    names = [remote_name(name, JOB, first + i, attempt) for i, name in enumerate(given_names)]
    assert list(member_names(names)) == names
    assert len({name_key(name) for name in names}) == len(names)
    assert all(len(name.encode()) <= 200 for name in names)


@given(filenames)
def test_another_attempt_gets_another_name(filename: str) -> None:
    tries = {name_key(remote_name(filename, JOB, 12, attempt)) for attempt in (1, 2, 3)}
    assert len(tries) == 3


@given(filenames, st.integers(1, 10**6))
def test_a_name_is_known_again_in_any_form_it_comes_back_in(filename: str, number: int) -> None:
    name = remote_name(filename, JOB, number, 1)
    for form in (
        *(name, name.upper(), name.lower(), name.casefold(), normalize("NFD", name)),
        *(f"batch/{name}", f"/a/b/{name}", f"C:\\batch\\{name}", f"{normalize('NFD', name)}/"),
    ):
        # Capitals of a few letters are no capitals of theirs, such as of the dotless i.
        if name_key(form) != name_key(name):
            assert form == name.upper()
            assert name.upper().lower() != name.lower()
    assert not same_name(name, remote_name(filename, JOB, number + 1, 1))


def test_no_folder_and_no_name_is_no_error() -> None:
    assert name_key("") == name_key("/") == ""
    assert same_name("x/Invoice.PDF", "invoice.pdf")
    assert not same_name("invoice.pdf", "invoice.png")


async def test_a_zip_keeps_the_remote_names_of_its_sources(tmp_path: Path) -> None:
    async def give() -> AsyncIterator[bytes]:
        yield b"x"

    (tmp_path / "a.pdf").write_bytes(b"x")
    one_after_another: list[Source] = [
        PathSource(tmp_path / "a.pdf", "a.pdf"),
        BytesSource(b"x", "A.PDF"),
        BytesSource(b"x", "a (2).pdf"),
        FileSource(io.BytesIO(b"x"), "ma\u0308rz.pdf"),
        FileSource(io.BytesIO(b"x"), "m\xe4rz.pdf"),
        Stream(give, "aux"),
        BytesSource(b"x", ".. .pdf\u3000."),
        BytesSource(b"x", "文" * 300),
    ]
    renamed = [
        dataclasses.replace(source, filename=remote_name(source.filename, JOB, number, 1))
        for number, source in enumerate(one_after_another, 1)
    ]
    made = await zipped(renamed)
    assert list(made.names) == [source.filename for source in renamed]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("invoice-7f3k2a9c-12.pdf", 12),
        ("invoice-7f3k2a9c-12-2.pdf", 12),
        ("INBOX/INVOICE-7F3K2A9C-12.PDF", 12),
        ("a-7f3k2a9c-3-7f3k2a9c-12", 12),
        ("invoice-7f3k2a9d-12.pdf", None),
        ("invoice-7f3k2a9c-.pdf", None),
        ("invoice.pdf", None),
        ("", None),
    ],
)
def test_a_sources_number_is_read_from_its_remote_name(name: str, number: int | None) -> None:
    assert number_in(name, "7f3k2a9c") == number


@pytest.mark.parametrize(
    ("name", "is_anothers"),
    [
        ("b-7f3k2a7c-2.pdf", True),
        ("B-7F3K2A7C-2-3.PDF", True),
        ("in/b-7f3k2a7c-2.pdf", True),
        ("a-7f3k2a7c-1.pdf", False),
        ("a-7f3k2a7c-1-2.pdf", False),
        # Of another job, or of somebody else: what comes for a single source is its own.
        ("b-7f3k2a7d-2.pdf", False),
        ("scan 2.pdf", False),
        ("", False),
    ],
)
def test_a_name_tells_whether_another_source_of_the_job_has_it(
    name: str, is_anothers: bool
) -> None:
    assert is_of_another(name, "a-7f3k2a7c-1.pdf") is is_anothers
    # Who doesn't know its own name can't tell.
    assert not is_of_another(name, "a.pdf")
