"""Reading CSV text of unknown encoding and delimiter: bytes in, numbered rows out. Pure."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Generator, Sequence

from klearstack_async.sandbox.dataset.limits import DatasetError

_DELIMITERS = (",", ";", "\t")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def delimited_rows(data: bytes, declared: Sequence[str]) -> Generator[tuple[int, list[str]]]:
    """Yield each row with the number of the line in which it begins; lines count from 1.

    Raises:
        DatasetError: It isn't text, or its quotes don't match.
    """
    text = _decoded(data)
    yield from _rows(text, _delimiter(text, declared))


def _decoded(data: bytes) -> str:
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    # Windows-1252 takes nearly any bytes, so it comes last.
    for name in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise DatasetError(
        "The file is neither an XLSX workbook nor text in UTF-8, UTF-16 or Windows-1252."
    )


def _delimiter(text: str, declared: Sequence[str]) -> str:
    """Choose what makes of the header most of the names declared, or most cells if it's a tie.

    `csv.Sniffer` guesses from how often a character comes, and is easily misled by prose and
    decimal commas; the names are known here.
    """
    known = frozenset(declared)

    def fit(delimiter: str) -> tuple[int, int]:
        try:
            header = next((row for _, row in _rows(text, delimiter) if any(row)), [])
        except DatasetError:
            return (0, 0)
        return sum(name.strip() in known for name in header), len(header)

    return max(_DELIMITERS, key=fit)


def _rows(text: str, delimiter: str) -> Generator[tuple[int, list[str]]]:
    # strict: a stray quote is refused rather than guessed at.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise DatasetError(f"The file is not valid CSV in line {line}: {error}.") from error
