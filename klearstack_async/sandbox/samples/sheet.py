"""The paper: an FPDF that puts text, fills and lines where it is told, the same bytes every time.

Positions are millimetres from the top left corner, and a text's `y` is its baseline. What belongs
where is the layouts' business.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Literal

from fpdf import FPDF

from klearstack_async.sandbox.samples.model import Colour, Invoice

Align = Literal["L", "C", "R"]
Family = Literal["helvetica", "times", "courier"]

BLACK: Colour = (28, 28, 30)
GREY: Colour = (110, 114, 120)
PALE: Colour = (200, 203, 208)
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Ink:
    """How a text is set; the size is in points."""

    size: float = 9
    style: Literal["", "B", "I"] = ""
    colour: Colour = BLACK
    family: Family = "helvetica"

    def bold(self) -> "Ink":
        """Return the same ink, bold."""
        return replace(self, style="B")

    def coloured(self, colour: Colour) -> "Ink":
        """Return the same ink in another colour."""
        return replace(self, colour=colour)

    def sized(self, size: float) -> "Ink":
        """Return the same ink in another size, in points."""
        return replace(self, size=size)


class Sheet(FPDF):
    """A document of one invoice, its first page open."""

    def __init__(self, invoice: Invoice, paper: str | tuple[float, float] = "") -> None:
        super().__init__(format=paper or invoice.locale.paper)
        # The core fonts need no font file, and this encoding has € and the accents of the west.
        self.core_fonts_encoding = "windows-1252"
        # Two runs must give the same bytes, so the clock has no say; the file id follows from it.
        self.set_creation_date(datetime.combine(invoice.issued, time(9), UTC))
        self.set_title(f"{invoice.locale.words.invoice} {invoice.number}")
        self.set_author(invoice.supplier.name)
        self.set_lang(invoice.locale.code)
        self.set_auto_page_break(auto=False)
        self.add_page()

    def put(self, x: float, y: float, text: str, ink: Ink, align: Align = "L") -> None:
        """Write one line whose left end, middle or right end is at `x`."""
        self.set_font(ink.family, ink.style, ink.size)
        self.set_text_color(*ink.colour)
        shift = {"L": 0.0, "C": 0.5, "R": 1.0}[align]
        if text:
            self.text(x - shift * self.get_string_width(text), y, text)

    def measure(self, text: str, ink: Ink) -> float:
        """Return a text's width in millimetres."""
        self.set_font(ink.family, ink.style, ink.size)
        return self.get_string_width(text)

    def wrap(self, text: str, ink: Ink, width: float) -> list[str]:
        """Break a text at its spaces into lines no wider than `width`."""
        lines: list[str] = []
        for word in text.split(" "):
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.measure(longer, ink) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def fill(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """Paint a rectangle."""
        self.set_fill_color(*colour)
        self.rect(x, y, width, height, style="F")

    def frame(self, x: float, y: float, width: float, height: float, colour: Colour = PALE) -> None:
        """Draw a rectangle's border."""
        self.set_line_width(0.2)
        self.set_draw_color(*colour)
        self.rect(x, y, width, height)

    def rule(
        self, x: float, y: float, to_x: float, colour: Colour = PALE, width: float = 0.2
    ) -> None:
        """Draw a horizontal line."""
        self.set_line_width(width)
        self.set_draw_color(*colour)
        self.line(x, y, to_x, y)

    def post(self, x: float, y: float, to_y: float, colour: Colour = PALE) -> None:
        """Draw a vertical line."""
        self.set_line_width(0.2)
        self.set_draw_color(*colour)
        self.line(x, y, x, to_y)

    def dash(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """Draw a dashed line, as where a slip is torn off."""
        self.set_line_width(0.2)
        self.set_draw_color(*GREY)
        self.set_dash_pattern(dash=1.6, gap=1.2)
        self.line(x, y, to_x, to_y)
        self.set_dash_pattern()


def tint(colour: Colour, share: float) -> Colour:
    """Mix a colour with white; `share` is how much of the colour is left."""
    red, green, blue = (round(255 - (255 - part) * share) for part in colour)
    return red, green, blue
