"""From words to lines, and from lines to cells: the page as a reader sees it.

Pure geometry. A line is what stands on one baseline, a cell what stands together within a line
(a wide gap ends it). Nothing here knows what the words mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from klearstack_async.sandbox.reading.words import Word, norm

__all__ = ["Layout", "Line", "layout_from_words"]

# In sizes of the type. A space is about a quarter, in monospaced type half a size; justified text
# stretches it to some 0.7. Columns keep more distance than that.
_CELL_GAP = 0.85
_BASELINE_TOLERANCE = 0.4
# Letters s p a c e d out: single characters with even gaps, at least this many in a row.
_SPACED_RUN_MIN = 4


@dataclass(frozen=True, slots=True)
class Line:
    """Words on one baseline, left to right, and the cells they form.

    Attributes:
        words: The words.
        cell_of: For each word the number of its cell.
        page: The page's number, from 1.
        index: The line's place in the layout.
    """

    words: tuple[Word, ...]
    cell_of: tuple[int, ...]
    page: int
    index: int

    @property
    def y1(self) -> float:
        """The line's upper edge."""
        return min(w.y1 for w in self.words)

    @property
    def y2(self) -> float:
        """The line's lower edge."""
        return max(w.y2 for w in self.words)

    @property
    def baseline(self) -> float:
        """Where the first word stands."""
        return self.words[0].baseline

    @property
    def size(self) -> float:
        """The largest type in the line."""
        return max(w.size for w in self.words)

    def cells(self) -> list[tuple[int, int]]:
        """Give each cell as the half-open range of its words."""
        ranges: list[tuple[int, int]] = []
        for _, members in groupby(range(len(self.words)), key=self.cell_of.__getitem__):
            numbers = list(members)
            ranges.append((numbers[0], numbers[-1] + 1))
        return ranges


@dataclass(frozen=True, slots=True)
class Layout:
    """All lines of a document, page by page, top to bottom.

    Attributes:
        lines: The lines.
        page_sizes: Width and height of each page image that was read, in pixels.
    """

    lines: tuple[Line, ...]
    page_sizes: tuple[tuple[float, float], ...]

    def below(self, line: Line, reach: float) -> list[Line]:
        """Give the lines under a line on its page, no lower than `reach` pixels from it."""
        found: list[Line] = []
        for index in range(line.index + 1, len(self.lines)):
            other = self.lines[index]
            if other.page != line.page or other.baseline - line.baseline > reach:
                break
            found.append(other)
        return found

    def above(self, line: Line, reach: float) -> list[Line]:
        """Give the lines over a line on its page, nearest first."""
        found: list[Line] = []
        for index in range(line.index - 1, -1, -1):
            other = self.lines[index]
            if other.page != line.page or line.baseline - other.baseline > reach:
                break
            found.append(other)
        return found


def layout_from_words(
    pages: Sequence[Sequence[Word]], page_sizes: Sequence[tuple[float, float]]
) -> Layout:
    """Lay the words of each page out in lines.

    Args:
        pages: The words, page by page, in any order.
        page_sizes: Width and height of each page image.
    """
    lines: list[Line] = []
    for words in pages:
        for members in _lines_of_page(words):
            joined = _join_spaced(sorted(members, key=lambda w: w.x1))
            lines.append(Line(tuple(joined), _cells(joined), joined[0].page, len(lines)))
    return Layout(tuple(lines), tuple(page_sizes))


def _lines_of_page(words: Sequence[Word]) -> list[list[Word]]:
    lines: list[list[Word]] = []
    first = 0.0
    size = 0.0
    for word in sorted(words, key=lambda w: (w.baseline, w.x1)):
        if lines and word.baseline - first <= _BASELINE_TOLERANCE * min(size, word.size):
            lines[-1].append(word)
            size = max(size, word.size)
        else:
            lines.append([word])
            first, size = word.baseline, word.size
    return lines


def _cells(words: Sequence[Word]) -> tuple[int, ...]:
    numbers: list[int] = []
    reach = 0.0
    for word in words:
        if not numbers:
            numbers.append(0)
        else:
            wide = word.x1 - reach > _CELL_GAP * word.size
            numbers.append(numbers[-1] + (1 if wide else 0))
        reach = max(reach, word.x2)
    return tuple(numbers)


def _join_spaced(words: list[Word]) -> list[Word]:
    """Join words whose letters are spaced out for emphasis."""
    joined: list[Word] = []
    run: list[Word] = []
    for word in words:
        if run and not _continues(run, word):
            joined += _joined_run(run)
            run = []
        run.append(word)
    return joined + _joined_run(run)


def _continues(run: list[Word], word: Word) -> bool:
    if len(run[-1].text) > 1 or len(word.text) > 1:
        return False
    gap = word.x1 - run[-1].x2
    if len(run) == 1:
        return gap < 1.2 * word.size
    usual = run[1].x1 - run[0].x2
    return abs(gap - usual) < 0.25 * word.size


def _joined_run(run: list[Word]) -> list[Word]:
    text = "".join(w.text for w in run)
    letters = sum(c.isalpha() for c in text)
    digits = sum(c.isdigit() for c in text)
    is_number = digits >= _SPACED_RUN_MIN and all(c.isdigit() or c in "-/." for c in text)
    if letters < _SPACED_RUN_MIN and not is_number:
        return run
    whole = replace(
        run[0],
        text=text,
        norm=norm(text),
        x2=max(w.x2 for w in run),
        y1=min(w.y1 for w in run),
        y2=max(w.y2 for w in run),
    )
    return [whole]
