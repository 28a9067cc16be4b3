"""The parts of a workbook around its sheets: the list of tabs, the shared texts, the styles."""

from __future__ import annotations

from klearstack_async.sandbox.dataset.cell_text import Moment, moment_of, unescaped
from klearstack_async.sandbox.dataset.limits import DatasetError
from klearstack_async.sandbox.dataset.xml_events import Handler

_DAYS_BEFORE_1904 = 1462


class Workbook(Handler):
    """Read the references of the tabs in their order, and from which day on the days count."""

    def __init__(self) -> None:
        self.sheets: list[str] = []
        self.days_before = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Note a tab, or the count of days."""
        if name == "sheet":
            self.sheets.append(attributes.get("id", ""))
        elif name == "workbookPr" and attributes.get("date1904") in ("1", "true", "on"):
            self.days_before = _DAYS_BEFORE_1904


class Styles(Handler):
    """Read which of the cells' styles show a date or time."""

    def __init__(self) -> None:
        self.moments: list[Moment | None] = []
        self._codes: dict[str, str] = {}
        self._in_cell_styles = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Note a format, or a style of cells."""
        if name == "numFmt":
            self._codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            self._in_cell_styles = True
        elif name == "xf" and self._in_cell_styles:
            number = attributes.get("numFmtId", "")
            self.moments.append(moment_of(number, self._codes.get(number)))

    def end(self, name: str) -> None:
        """Note that the cells' styles have ended."""
        if name == "cellXfs":
            self._in_cell_styles = False


class TextCollector(Handler):
    """Collect what stands in some elements, without the phonetic aids beside it."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._pieces: list[str] = []
        self._reads = False
        self._in_phonetic = False

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - as the base's
        """Begin to read, unless it is an aid."""
        if name in self._names:
            self._reads = not self._in_phonetic
        elif name == "rPh":
            self._in_phonetic = True

    def text(self, text: str) -> None:
        """Keep the text of what is being read."""
        if self._reads:
            self._pieces.append(text)

    def end(self, name: str) -> None:
        """End what has begun."""
        if name in self._names:
            self._reads = False
        elif name == "rPh":
            self._in_phonetic = False

    def taken(self) -> str:
        """Hand out what was collected since the last time."""
        text = "".join(self._pieces)
        self._pieces.clear()
        return text


class SharedTexts(TextCollector):
    """Read the texts that cells refer to by number."""

    def __init__(self, limit: int) -> None:
        super().__init__("t")
        self.texts: list[str] = []
        self._limit = limit

    def end(self, name: str) -> None:
        """End a text when its element ends."""
        super().end(name)
        if name == "si":
            self.texts.append(unescaped(self.taken()))
            if len(self.texts) > self._limit:
                raise DatasetError(f"The workbook has more than {self._limit} different texts.")
