from __future__ import annotations

from pathlib import Path, PurePosixPath
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.bulk.patterns import (
    DOCUMENTS,
    Wanted,
    folder_pattern,
    glob_parts,
    inside,
    is_glob,
    is_match,
)


def takes(wanted: Wanted, path: str) -> bool:
    """Go down a path as a walk does."""
    *folders, name = PurePosixPath(path).parts
    for folder in folders:
        wanted = inside(wanted, folder)
    return is_match(wanted, name)


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("*.pdf", ["a.pdf", "A.PDF", "x/a.pdf", "x/y/z/a.pdf"], ["a.png", "a.pdf.txt", "pdf"]),
        ("2026/**/*.pdf", ["2026/a.pdf", "2026/x/y/a.pdf"], ["a.pdf", "x/2026/a.pdf", "2026.pdf"]),
        ("2026/*.pdf", ["2026/a.pdf"], ["2026/x/a.pdf", "a.pdf"]),
        ("./*.pdf", ["a.pdf"], ["x/a.pdf"]),
        ("2026/", ["2026/a.txt", "2026/x/a"], ["2026", "a", "2025/a"]),
        ("2026/**", ["2026/a.txt", "2026/x/a"], ["2026", "a"]),
        ("**", ["a", "x/y/a.txt"], []),
        ("**/x/**/a.*", ["x/a.b", "u/x/a.b", "x/x/x/a.b", "u/x/v/w/a.c"], ["a.b", "u/a.b"]),
        ("scan-[0-9]?.png", ["scan-1x.png"], ["scan-xx.png", "scan-1.png"]),
        ("[!a]*.pdf", ["b.pdf"], ["a.pdf", "A.pdf"]),
        ("invoice[1].pdf", ["invoice[1].pdf", "x/INVOICE[1].pdf"], ["invoice1.pdf"]),
        ("inv[oice.pdf", ["inv[oice.pdf"], ["invo.pdf"]),
        ("März*.pdf", ["märz.pdf", "ma\u0308rz 2.pdf", "MÄRZ.PDF"], ["marz.pdf"]),
        ("ma\u0308rz.pdf", ["m\xe4rz.pdf"], []),
        ("請求書?.pdf", ["請求書1.pdf"], ["請求書.pdf"]),
        ("a**b.pdf", ["ab.pdf", "axxb.pdf"], ["a/b.pdf"]),
        ("*", ["a", "a\nb", "x/a"], []),
    ],
)
def test_a_folders_pattern_takes_these_and_leaves_those(
    pattern: str, taken: list[str], left: list[str]
) -> None:
    wanted = folder_pattern(pattern)
    assert [path for path in taken if not takes(wanted, path)] == []
    assert [path for path in left if takes(wanted, path)] == []


@pytest.mark.parametrize("pattern", ["", "/", ".", "./", "/x/*.pdf", "../*.pdf", "x/../*.pdf"])
def test_what_cannot_match_below_a_folder_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="is no pattern"):
        folder_pattern(pattern)


def test_without_a_pattern_documents_are_taken_by_their_suffix() -> None:
    taken = ["a.pdf", "A.PDF", "x/b.jpg", "x/y/c.Jpeg", "d.png", "a.b.pdf"]
    assert all(takes(DOCUMENTS, path) for path in taken)
    assert not any(takes(DOCUMENTS, path) for path in ["a.txt", "pdf", "a.pdf.zip", "x.pdf/a"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in ("*.pdf", "a?.pdf", "x[0-9].pdf", "x/**", "[!a].pdf", "[12]x")),
        # As they are after glob.escape().
        *((text, True) for text in ("a[*].pdf", "a[?].pdf", "a[[]1].pdf")),
        *(
            (text, False)
            for text in ("a.pdf", "", "invoice[1].pdf", "[x].pdf", "a[.pdf", "a[].pdf")
        ),
    ],
)
def test_a_glob_is_told_by_its_signs(text: str, *, expected: bool) -> None:
    assert is_glob(text) == expected


@pytest.mark.parametrize(
    ("text", "top", "taken", "left"),
    [
        ("*.pdf", ".", ["a.pdf", "B.PDF"], ["a.png", "x/a.pdf"]),
        ("in/**/*.pdf", "in", ["a.pdf", "x/y/a.pdf"], ["a.png"]),
        ("/in/box/*/a.pdf", "/in/box", ["x/a.pdf"], ["a.pdf", "x/y/a.pdf"]),
        ("../in/./x*.pdf", "../in", ["x1.pdf"], ["a.pdf"]),
        # What is matched as a folder is taken as if it had been given.
        ("in/2026*", "in", ["2026.txt", "2026-01/a.pdf", "2026-01/x/a.pdf"], ["2026-01/a.txt"]),
        ("in/2026*/", "in", ["2026-01/a.pdf"], ["2026-01/a.txt"]),
        ("in/**", "in", ["a.txt", "x/y/a.txt"], []),
        ("in[*]box/invoice[1]/x*.pdf", ".", ["in*box/invoice[1]/x.pdf"], ["inxbox/invoice1/x.pdf"]),
        ("scan[[]1]/*.pdf", ".", ["scan[1]/a.pdf"], ["scan1/a.pdf"]),
    ],
)
def test_a_glob_begins_at_a_folder_and_takes_what_is_below(
    text: str, top: str, taken: list[str], left: list[str]
) -> None:
    begin, wanted = glob_parts(text)
    assert begin == Path(top)
    assert [path for path in taken if not takes(wanted, path)] == []
    assert [path for path in left if takes(wanted, path)] == []


def test_a_folder_in_which_nothing_can_match_is_not_entered() -> None:
    wanted = folder_pattern("2026/*/x*.pdf")
    assert inside(wanted, "2026")
    assert not inside(wanted, "2025")
    deep = inside(inside(wanted, "2026"), "01")
    assert deep
    assert not inside(deep, "x.pdf")


def test_only_a_name_follows_a_link() -> None:
    assert inside(folder_pattern("link/*.pdf"), "link", is_link=True)
    assert inside(folder_pattern("*/*.pdf"), "link", is_link=True)
    for pattern in ("*.pdf", "**/*.pdf"):
        assert not inside(folder_pattern(pattern), "link", is_link=True)


names = st.text(st.sampled_from("ab.*?[]!-\xe4\u0308"), min_size=1, max_size=6).filter(
    lambda name: name not in {".", ".."}
)


@given(st.lists(names, min_size=1, max_size=4))
def test_any_text_is_a_pattern_and_any_name_is_tested(parts: list[str]) -> None:
    wanted = folder_pattern("/".join(parts))
    takes(wanted, "/".join(parts))


@given(st.lists(st.text(st.sampled_from("ab1 -\xe4\u0308"), min_size=1), min_size=1, max_size=4))
def test_a_pattern_without_signs_takes_what_it_says(parts: list[str]) -> None:
    path = "/".join(parts)
    assert takes(folder_pattern(path), normalize("NFD", path))
    assert takes(folder_pattern(normalize("NFD", path)), path)


def test_many_stars_cost_little() -> None:
    wanted = folder_pattern("/".join(["**"] * 20 + ["*a*"] * 3))
    for _ in range(60):
        wanted = inside(wanted, "a" * 200)
    assert is_match(wanted, "a")
    assert len(wanted) < 30
