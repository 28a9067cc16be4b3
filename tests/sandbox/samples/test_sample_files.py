"""What the written files are: how many, of which kinds, and the same every time."""

from collections import Counter
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from klearstack_async.sandbox.samples import Sample, write_samples
from klearstack_async.sandbox.samples.catalog import INVOICES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(scope="module")
def samples(folder: Path) -> dict[str, Sample]:
    """All samples by file name, in the order they came in."""
    return {sample.file_name: sample for sample in write_samples(folder)}


def _page_count(path: Path) -> int:
    with pypdfium2.PdfDocument(path) as document:
        return len(document)


def _names(samples: dict[str, Sample], kind: str) -> list[str]:
    return [name for name, sample in samples.items() if sample.kind == kind]


def test_every_sample_is_a_file_and_every_file_a_sample(
    folder: Path, samples: dict[str, Sample]
) -> None:
    assert list(samples) == sorted(path.name for path in folder.iterdir())


def test_there_are_samples_of_every_kind(samples: dict[str, Sample]) -> None:
    kinds = Counter(sample.kind for sample in samples.values())
    assert kinds == {"text": 31, "pages": 1, "picture": 2, "broken": 1}


@pytest.mark.parametrize(
    ("what", "wanted", "at_least"),
    [
        ("layouts", {"letter", "grid", "slip", "band", "ledger", "coupon", "credit"}, 9),
        ("languages", {"en", "de", "fr", "es", "it", "nl"}, 10),
        ("currencies", {"USD", "EUR", "GBP", "CHF", "INR", "SEK"}, 11),
    ],
)
def test_the_samples_are_of_many(what: str, wanted: set[str], at_least: int) -> None:
    found = {
        "layouts": {invoice.layout for invoice in INVOICES},
        "languages": {invoice.locale.language for invoice in INVOICES},
        "currencies": {invoice.currency for invoice in INVOICES},
    }[what]
    assert wanted <= found
    assert len(found) >= at_least


def test_a_second_run_writes_the_same_bytes(
    folder: Path, samples: dict[str, Sample], tmp_path: Path
) -> None:
    again = write_samples(tmp_path / "not" / "there" / "yet")
    assert again == list(samples.values())
    for name in samples:
        assert (tmp_path / "not" / "there" / "yet" / name).read_bytes() == (
            folder / name
        ).read_bytes()


def test_a_file_bears_the_day_of_its_invoice_and_not_of_its_writing(
    folder: Path, samples: dict[str, Sample]
) -> None:
    assert set(samples) >= {invoice.file_name for invoice in INVOICES}
    for invoice in INVOICES:
        with pypdfium2.PdfDocument(folder / invoice.file_name) as document:
            written = document.get_metadata_value("CreationDate")
        assert written.startswith(f"D:{invoice.issued:%Y%m%d}")


def test_only_the_long_invoice_has_several_pages(folder: Path, samples: dict[str, Sample]) -> None:
    (long,) = _names(samples, "pages")
    assert _page_count(folder / long) == 3
    assert {_page_count(folder / name) for name in _names(samples, "text")} == {1}


def test_pictures_have_no_text_and_no_truth(folder: Path, samples: dict[str, Sample]) -> None:
    scan, photo = sorted(_names(samples, "picture"), key=lambda name: not name.endswith(".pdf"))
    with pypdfium2.PdfDocument(folder / scan) as document:
        assert document[0].get_textpage().get_text_range() == ""
    with Image.open(folder / photo) as picture:
        assert picture.format == "JPEG"
    assert not samples[scan].truth
    assert not samples[photo].truth


def test_the_broken_file_looks_like_a_pdf_and_cannot_be_opened(
    folder: Path, samples: dict[str, Sample]
) -> None:
    (broken,) = _names(samples, "broken")
    assert (folder / broken).read_bytes().startswith(b"%PDF-")
    assert not samples[broken].truth
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(folder / broken)
