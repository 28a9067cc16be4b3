"""Sample invoices made by code, with what they say: for the demo and for tests.

All companies in them are invented. This file holds the package's face only; what an invoice is
lives in `model`, which invoices there are in `catalog`, how they look in `layouts`, and the files
that are hard on a reader in `oddities`. Nothing here knows of the client or of the sandbox.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from klearstack_async.sandbox.samples import oddities
from klearstack_async.sandbox.samples.catalog import INVOICES
from klearstack_async.sandbox.samples.catalog.long_order import LONG_ORDER
from klearstack_async.sandbox.samples.layouts import draw_pdf
from klearstack_async.sandbox.samples.model import Invoice
from klearstack_async.sandbox.samples.truth import truth_of

__all__ = ["Sample", "write_samples"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A written file, and what a careful reader finds on it.

    Attributes:
        file_name: Its name in the folder.
        kind: `"text"`, `"pages"` (text over several pages), `"picture"` (no text layer) or
            `"broken"` (cannot be opened).
        truth: Field name to value: dates as `26-Jul-2025`, amounts as `1234.50`. A field that the
            page does not state is absent; pictures and broken files have none.
        line_items: How many rows of items the invoice has; 0 for pictures and broken files.
    """

    file_name: str
    kind: str
    truth: Mapping[str, str] = field(default_factory=dict)
    line_items: int = 0


ODDITIES: tuple[tuple[Sample, Callable[[], bytes]], ...] = (
    (Sample(oddities.SCANNED.file_name, "picture"), oddities.scan_pdf),
    (Sample(oddities.PHOTOGRAPHED.file_name, "picture"), oddities.photograph),
    (Sample(oddities.CUT.file_name, "broken"), oddities.cut_pdf),
)


def write_samples(folder: Path) -> list[Sample]:
    """Write all samples into a folder and return them in the order of their names.

    The folder is made if it isn't there; files of the same name are replaced. With the same
    versions of fpdf2, pillow and pypdfium2 every run writes the same bytes.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    samples = [_write_invoice(folder, invoice) for invoice in INVOICES]
    for sample, make_file in ODDITIES:
        (folder / sample.file_name).write_bytes(make_file())
        samples.append(sample)
    return sorted(samples, key=lambda sample: sample.file_name)


def _write_invoice(folder: Path, invoice: Invoice) -> Sample:
    (folder / invoice.file_name).write_bytes(draw_pdf(invoice))
    kind = "pages" if invoice is LONG_ORDER else "text"
    return Sample(invoice.file_name, kind, truth_of(invoice), len(invoice.items))
