from __future__ import annotations

import codecs
import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it has no types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox_kit import zip_of

from klearstack_async.sandbox.dataset import (
    Dataset,
    DatasetError,
    DatasetLimits,
    difference_of,
    read_dataset,
)
from klearstack_async.sandbox.dataset.cell_text import Moment, moment_of, number_text, unescaped

Read = Callable[..., Dataset]
AB = ("A", "B")
NOON = datetime(2025, 7, 26, 12)  # noqa: DTZ001 - a sheet's times have no zone
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_bytes(data: bytes, declared: tuple[str, ...] = AB, **limits: int) -> Dataset:
        path = tmp_path / "dataset"
        path.write_bytes(data)
        return read_dataset(path, declared, DatasetLimits(**limits))

    return read_bytes


def workbook_of(rows: list[list[Any]], **options: Any) -> bytes:
    """Write a workbook as users do; values are (value, number format) where they need one."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, **options}) as workbook:
        sheet = workbook.add_worksheet()
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                value, code = cell if isinstance(cell, tuple) else (cell, None)
                style = workbook.add_format({"num_format": code}) if code is not None else None
                sheet.write(at, column, value, style)
    return buffer.getvalue()


def package_of(
    sheet: str = "", *, texts: str = "", book: str = "", extra: dict[str, str] | None = None
) -> bytes:
    """Put the smallest workbook together by hand: rows, shared texts, as raw XML."""
    relations = f'<Relationships xmlns="{PACKAGE}">' + "".join(
        f'<Relationship Id="r{number}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(
            [("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml")]
        )
    )
    parts = {
        "xl/workbook.xml": book
        or f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>'
        '<sheet name="One" sheetId="1" r:id="r0"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f"{relations}</Relationships>",
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{texts}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{sheet}</sheetData>'
        "</worksheet>",
        **(extra or {}),
    }
    return zip_of(*((name, xml.encode()) for name, xml in parts.items()), deflated=True)


def inline(*texts: str) -> str:
    cells = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)
    return f"<row>{cells}</row>"


HEADER = inline("A", "B")

# CSV ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("cp1252", b""),
    ],
)
def test_csv_is_read_in_every_usual_dialect(
    read: Read, delimiter: str, end: str, encoding: str, mark: bytes
) -> None:
    text = end.join(delimiter.join(row) for row in (AB, ("Müller", "1"), ("2", "€")))
    for data in (text, text + end):
        found = read(mark + data.encode(encoding))
        assert found == Dataset(AB, (("Müller", "1"), ("2", "€")))


def test_a_value_with_other_delimiters_does_not_mislead(read: Read) -> None:
    data = b'"A, the first";B\n"1,2,3";"x;y"\n1,2;3,4\n'
    assert read(data, ("A, the first", "B")).rows == (("1,2,3", "x;y"), ("1,2", "3,4"))


def test_a_single_column_needs_no_delimiter(read: Read) -> None:
    assert read(b'A\n"x, y"\nz\n', ("A",)).rows == (("x, y",), ("z",))


def test_values_are_kept_as_they_are_and_the_header_is_stripped(read: Read) -> None:
    found = read(b' A ,B\n 007 ,"say ""hi"""\n1.50,=1+1\n')
    assert found == Dataset(AB, ((" 007 ", 'say "hi"'), ("1.50", "=1+1")))


def test_quoted_line_ends_are_part_of_the_value(read: Read) -> None:
    assert read(b'A,B\r\n"1\r\n2",3\r\n').rows == (("1\r\n2", "3"),)


def test_empty_rows_are_passed_over(read: Read) -> None:
    assert read(b"\n,\nA,B\n\n1,2\n , \n,\n3,4\n\n").rows == (("1", "2"), ("3", "4"))


def test_columns_may_stand_in_another_order(read: Read) -> None:
    assert read(b"B,A\n1,2\n") == Dataset(("B", "A"), (("1", "2"),))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"A,B\n1,2\n3\n", ["line 3", "1 cells", "2 columns"]),
        (b"A,B\n1,2,3\n", ["line 2", "3 cells"]),
        (b'A,B\n"1\n\n2",3\n4\n', ["line 5"]),
        (b"\n\nA,B\n\n1\n", ["line 5"]),
        (b'A,B\n"1,2\n', ["line 2", "CSV"]),
        (b'A,B\n"1"x,2\n', ["line 2", "CSV"]),
        (b"A,B\n" + b"x" * 200_000 + b",1\n", ["line 2"]),
        (b"A,B\n" + b"x" * 40_000 + b",1\n", ["line 2", "32767 characters"]),
        (b"", ["empty"]),
        (b"\xef\xbb\xbf", ["empty"]),
        (b"\n \n\n", ["empty"]),
        (b"A,,B\n", ["Column 2", "no name"]),
        (b"A,B,A\n", ["more than one column 'A'"]),
        (b"A,C\n1,2\n", ["only the file has 'C'", "only fields have 'B'"]),
        (b"A\n1\n", ["only fields have 'B'"]),
        (b"A,b\n1,2\n", ["'b'", "'B'"]),
        (b"%PDF-1.4\x00\x00", ["neither"]),
        (b"A,B\n\x81,2\n", ["neither"]),
        (codecs.BOM_UTF16_LE + b"A\x00,", ["neither"]),
        (codecs.BOM_UTF32_LE + "A,B".encode("utf-32-le"), ["neither"]),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), [".xls", "password"]),
    ],
)
def test_a_bad_csv_is_refused_with_what_and_where(
    read: Read, data: bytes, words: list[str]
) -> None:
    with pytest.raises(DatasetError) as refused:
        read(data)
    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        ({"file_bytes": 20}, "21 bytes"),
        ({"columns": 1}, "2 columns"),
        ({"cells": 7}, "line 5"),
        ({"characters": 9}, "line 5"),
        ({"cell_characters": 2}, "2 characters"),
    ],
)
def test_each_limit_is_kept(read: Read, limits: dict[str, int], word: str) -> None:
    data = b"A,B\n123,4\n5,6\n7,8\n9,0"
    assert len(read(data, file_bytes=21, columns=2, cells=8, characters=10).rows) == 4
    with pytest.raises(DatasetError, match=word):
        read(data, **limits)


# XLSX --------------------------------------------------------------------------------------------


def test_a_workbook_reads_as_text(read: Read) -> None:
    rows: list[list[Any]] = [
        ["A", "B"],
        ["Müller €", 12345],
        [1.5, 0.1],
        [1e20, -3.25e-7],
        [True, False],
        ["007", " kept "],
        ["two\nlines", "a_x000D_b & <c>"],
        [(NOON, "yyyy-mm-dd hh:mm"), (date(2025, 7, 26), "dd/mm/yyyy")],
        [(time(6, 30), "h:mm AM/PM"), (timedelta(hours=27, minutes=15), "[h]:mm:ss")],
        [(0.25, "0%"), (1234.5, '"due" #,##0.00 [Red]')],
    ]
    for options in ({}, {"date_1904": True}, {"constant_memory": True}):
        assert read(workbook_of(rows, **options)).rows == (
            ("Müller €", "12345"),
            ("1.5", "0.1"),
            ("1e+20", "-3.25e-07"),
            ("TRUE", "FALSE"),
            ("007", " kept "),
            ("two\nlines", "a_x000D_b & <c>"),
            ("2025-07-26 12:00:00", "2025-07-26"),
            ("06:30:00", "27:15:00"),
            ("0.25", "1234.5"),
        )


def test_gaps_are_empty_and_empty_rows_passed_over(read: Read) -> None:
    rows: list[list[Any]] = [[], ["A", "B", ""], [], [None, "x"], ["y"], ["", " "]]
    assert read(workbook_of(rows)).rows == (("", "x"), ("y", ""))


def test_the_first_worksheet_counts_and_no_chart_or_later_sheet(read: Read) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        chart = workbook.add_chart({"type": "line"})
        tab = workbook.add_chartsheet()
        first, second = workbook.add_worksheet("Zweites"), workbook.add_worksheet()
        for sheet, value in ((first, 1), (second, 2)):
            sheet.write_row(0, 0, AB)
            sheet.write_row(1, 0, [value, value])
        chart.add_series({"values": "=Zweites!$A$1:$A$2"})
        tab.set_chart(chart)
    assert read(buffer.getvalue()).rows == (("1", "1"),)


def test_formulas_give_their_stored_value(read: Read) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, AB)
        sheet.write_formula(1, 0, "=1+1", None, 2)
        sheet.write_formula(1, 1, '="a"&"b"', None, "ab")
        sheet.write_formula(2, 0, "=NA()", None, "#N/A")
        sheet.write_formula(2, 1, "=TRUE()", None, True)  # noqa: FBT003 - xlsxwriter's signature
    assert read(buffer.getvalue()).rows == (("2", "ab"), ("#N/A", "TRUE"))


@pytest.mark.parametrize("formula", ["<f>1+1</f>", '<f t="shared" si="0"/>'])
def test_a_formula_without_a_value_is_refused_by_its_cell(read: Read, formula: str) -> None:
    sheet = f'{HEADER}<row r="7"><c r="B7">{formula}</c></row>'
    with pytest.raises(DatasetError, match="formula in cell B7"):
        read(package_of(sheet))
    stored = sheet.replace("</f>", "</f><v></v>").replace("/></c>", "/><v/></c>")
    assert read(package_of(stored)).rows == ()


def test_rich_texts_are_joined_and_phonetic_aids_left_out(read: Read) -> None:
    texts = (
        "<si><r><rPr><b/></rPr><t>A</t></r></si>"
        '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si>'
        '<si><r><t>big </t></r><r><t xml:space="preserve"> small</t></r></si>'
    )
    cells = "".join(f'<row><c t="s"><v>{number}</v></c></row>' for number in range(3))
    assert read(package_of(cells, texts=texts), ("A",)).rows == (("東京",), ("big  small",))


def test_rows_and_cells_may_come_without_numbers_or_out_of_order(read: Read) -> None:
    sheet = (
        '<row><c r="B1" t="str"><v>B</v></c><c r="A1" t="str"><v>A</v></c></row>'
        '<row r="9"><c r="B9"><v>2</v></c></row><row><c><v>3</v></c><c><v>4</v></c></row>'
        "<row><c/><c/><c/></row>"
        '<row><c t="d"><v>2025-07-26</v></c><c t="e"><v>#REF!</v></c></row>'
    )
    expected = (("", "2"), ("3", "4"), ("2025-07-26", "#REF!"))
    assert read(package_of(sheet)).rows == expected


def test_part_names_follow_the_references_whatever_their_case(read: Read) -> None:
    with zipfile.ZipFile(io.BytesIO(package_of(f"{HEADER}{inline('1', '2')}"))) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    moved = {
        name.replace("xl/workbook.xml", "Deep/Book.xml")
        .replace("xl/_rels/workbook.xml.rels", "Deep/_rels/book.xml.rels")
        .replace("xl/", "deep/"): data
        for name, data in parts.items()
    }
    moved["_rels/.rels"] = (
        f'<Relationships xmlns="{PACKAGE}"><Relationship Id="x" '
        f'Type="{RELATIONS}/officeDocument" Target="/deep/book.xml"/></Relationships>'
    ).encode()
    assert read(zip_of(*moved.items())).rows == (("1", "2"),)


ENTITIES = (
    '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("declared", [ENTITIES, OUTSIDE, "<!DOCTYPE x>"])
@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml"])
def test_entities_are_refused_in_every_part(read: Read, part: str, declared: str) -> None:
    xml = f"{declared}<x>&c;</x>"
    with pytest.raises(DatasetError, match=f"{part} is refused: it declares a document type"):
        read(package_of(extra={part: xml}))


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no workbook": (lambda: zip_of(("a.txt", b"x")), "not an XLSX workbook"),
    "empty zip": (zip_of, "not an XLSX workbook"),
    "no sheets": (lambda: package_of(book="<workbook/>"), "no worksheet"),
    "a sheet that isn't there": (
        lambda: package_of(
            extra={
                "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship '
                f'Id="r0" Type="{RELATIONS}/worksheet" Target="nowhere.xml"/></Relationships>'
            }
        ),
        "nowhere.xml is missing",
    ),
    "an outside sheet": (
        lambda: package_of(
            extra={
                "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship '
                f'Id="r0" Type="{RELATIONS}/worksheet" TargetMode="External" '
                'Target="http://127.0.0.1/"/></Relationships>'
            }
        ),
        "no worksheet",
    ),
    "a climbing target": (
        lambda: package_of(
            extra={
                "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship '
                f'Id="r0" Type="{RELATIONS}/worksheet" Target="../../../../etc/passwd"/>'
                "</Relationships>"
            }
        ),
        "etc/passwd is missing",
    ),
    "cut XML": (lambda: package_of(extra={"xl/workbook.xml": "<workbook"}), "not well-formed"),
    "no XML": (lambda: package_of(extra={"xl/workbook.xml": "\0\1"}), "not well-formed"),
    "odd encoding": (
        lambda: package_of(extra={"xl/workbook.xml": '<?xml version="1.0" encoding="x"?><a/>'}),
        "refused",
    ),
    "nesting": (
        lambda: package_of(extra={"xl/workbook.xml": "<a>" * 500 + "</a>" * 500}),
        "nested more than",
    ),
    "a shared text that isn't there": (
        lambda: package_of(f'{HEADER}<row r="2"><c r="A2" t="s"><v>7</v></c></row>'),
        "cell A2 can't be read",
    ),
    "a negative shared text": (
        lambda: package_of(f'{HEADER}<row><c t="s"><v>-1</v></c></row>', texts="<si><t>x</t></si>"),
        "can't be read",
    ),
    "a far cell": (
        lambda: package_of(f'{HEADER}<row r="2"><c r="XFD2"><v>1</v></c></row>'),
        "row 2 of the file has 16384 cells",
    ),
    "a far header": (
        lambda: package_of('<row><c r="XFD1"><v>1</v></c></row>'),
        "16384 columns",
    ),
    "a long text": (lambda: package_of(HEADER + inline("x" * 32_768, "")), "32767 characters"),
    "a header with a gap": (lambda: package_of(inline("A", "", "B")), "Column 2"),
    "no rows": (package_of, "empty"),
    "a workbook in a workbook": (
        lambda: zip_of(("book.xlsx", package_of(HEADER))),
        "not an XLSX workbook",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_or_broken_workbook_is_refused(read: Read, case: str) -> None:
    make, words = HOSTILE[case]
    with pytest.raises(DatasetError, match=words):
        read(make())


def test_a_bomb_is_stopped_while_it_goes_off(read: Read) -> None:
    row = inline("x" * 1000, "y")
    data = package_of(HEADER + row * 10_000)
    assert len(data) < 100_000
    with pytest.raises(DatasetError, match="unpacks to more than the 1000000 bytes"):
        read(data, unpacked_bytes=1_000_000)


def test_a_bomb_of_tiny_tags_is_stopped_by_their_number(read: Read) -> None:
    data = package_of("<row/>" * 300_000)
    assert len(data) < 10_000
    with pytest.raises(DatasetError, match="more than the 100000 XML elements"):
        read(data, elements=100_000)


def test_the_parts_of_a_workbook_share_one_budget(read: Read) -> None:
    data = package_of(HEADER + "<row/>" * 60, texts="<si/>" * 60)
    assert read(data, elements=150).rows == ()
    with pytest.raises(DatasetError, match="more than the 120 XML elements"):
        read(data, elements=120)


def test_one_endless_tag_is_refused_before_it_has_been_read_in_full(read: Read) -> None:
    xml = '<a b="' + "x" * (30 << 20)
    with pytest.raises(DatasetError, match="tag or comment"):
        read(package_of(extra={"xl/workbook.xml": xml}))


def test_one_shared_text_can_not_be_made_into_gigabytes(read: Read) -> None:
    cells = '<row><c t="s"><v>0</v></c><c t="s"><v>0</v></c></row>' * 2000
    data = package_of(HEADER + cells, texts=f"<si><t>{'x' * 32_000}</t></si>")
    with pytest.raises(DatasetError, match="holds too much"):
        read(data)


def test_more_shared_texts_than_cells_are_refused(read: Read) -> None:
    with pytest.raises(DatasetError, match="more than 9 different texts"):
        read(package_of(HEADER, texts="<si/>" * 10), cells=9)


def test_an_odd_compression_is_refused(read: Read) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(DatasetError, match="odd way"):
        read(buffer.getvalue())


WORKBOOK = workbook_of([["A", "B"], *([f"text {n}", n] for n in range(50))])


def test_no_truncated_workbook_is_taken(read: Read) -> None:
    assert len(read(WORKBOOK).rows) == 50
    for length in range(4, len(WORKBOOK) - 1, 97):
        with pytest.raises(DatasetError):
            read(WORKBOOK[:length])


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_the_bytes_a_dataset_or_a_dataset_error_comes_out(
    read: Read, data: st.DataObject
) -> None:
    damaged = bytearray(data.draw(st.sampled_from([WORKBOOK, b'A,B\n"1",2\n', b"PK\x03\x04"])))
    places = st.integers(0, len(damaged) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=20)):
        damaged[place] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(damaged))
    except DatasetError as refused:
        assert str(refused).endswith(".")
    else:
        assert sorted(found.columns) == list(AB)
        assert all(len(row) == 2 for row in found.rows)


# Values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("0.10000000000000001", "0.1"),
        ("12345678901234567890", "12345678901234567890"),
        ("1.0", "1"),
        ("-0", "-0"),
        ("1E3", "1000"),
        ("1e300", "1e+300"),
        ("1e999", "1e999"),
        ("nan", "nan"),
        ("", ""),
        ("x", "x"),
    ],
)
def test_numbers_are_written_short_but_exact(raw: str, text: str) -> None:
    assert number_text(raw) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_changes_its_value(number: float) -> None:
    assert float(number_text(format(number, ".17g"))) == number


@pytest.mark.parametrize(
    ("code", "moment"),
    [
        ("General", None),
        ("0.00", None),
        ("0.00E+00", None),
        ("#,##0 \\d\\a\\y\\s", None),
        ('0 "days"', None),
        ("[Red]0", None),
        ("[$-409]0", None),
        ("_-* #,##0.00_-", None),
        ("@", None),
        ('0;"s"', None),
        ("dd/mm/yyyy", Moment.DATE),
        ("[$-F800]dddd, mmmm dd, yyyy", Moment.DATE),
        ("mmm", Moment.DATE),
        ("h:mm", Moment.TIME),
        ("mm:ss.0", Moment.TIME),
        ("yyyy-mm-dd hh:mm", Moment.DATE_AND_TIME),
        ("[h]:mm", Moment.ELAPSED),
        ("[mm]:ss", Moment.ELAPSED),
    ],
)
def test_a_format_code_tells_dates_from_numbers(code: str, moment: Moment | None) -> None:
    assert moment_of("164", code) is moment


@pytest.mark.parametrize(
    ("number", "moment"),
    [("0", None), ("14", Moment.DATE), ("22", Moment.DATE_AND_TIME), ("46", Moment.ELAPSED)],
)
def test_a_built_in_format_is_known_by_its_number(number: str, moment: Moment | None) -> None:
    assert moment_of(number, None) is moment
    assert moment_of("x", None) is None


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (1, "1900-01-01"),
        (59, "1900-02-28"),
        (61, "1900-03-01"),
        (45864, "2025-07-26"),
        (45864.5, "2025-07-26 12:00:00"),
        (45864.0000115741, "2025-07-26 00:00:01"),
        (2958465, "9999-12-31"),
        (2958466, "2958466"),
        (-1, "-1"),
    ],
)
def test_days_count_from_1900_as_spreadsheets_do(read: Read, days: float, text: str) -> None:
    assert read(workbook_of([["A"], [(days, "dd/mm/yyyy")]]), ("A",)).rows == ((text,),)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("a_x000D_b", "a\rb"), ("_x005F_x000D_", "_x000D_"), ("_xD800_", "_xD800_"), ("_x_", "_x_")],
)
def test_characters_that_xml_can_not_carry_are_decoded(text: str, plain: str) -> None:
    assert unescaped(text) == plain


def test_a_header_of_millions_of_cells_is_refused_in_a_sentence(read: Read) -> None:
    data = b"x" * 100_000 + b"," * 3_000_000 + b"\n"
    with pytest.raises(DatasetError, match="3000001 columns") as refused:
        read(data, tuple(str(number) for number in range(100_000)))
    assert len(str(refused.value)) < 200
    with pytest.raises(DatasetError) as refused:
        read(data[:100_000] + b"\n")
    assert len(str(refused.value)) < 300


def test_a_difference_of_many_names_stays_readable() -> None:
    names = [f"c{number}" for number in range(30)]
    text = difference_of(names, [], "the file", "fields")
    assert text.endswith("'c9' and 20 more")
    assert difference_of(names, names[::-1], "the file", "fields") == ""
