"""Names as they are printed: the name a cell begins with, and companies by their legal forms.

Pure. Who is the supplier and who the buyer is decided in `parties.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from klearstack_async.sandbox.reading.cells import Cell, cells_of, is_name
from klearstack_async.sandbox.reading.labels import labels_by_key
from klearstack_async.sandbox.reading.layout import Layout, Line
from klearstack_async.sandbox.reading.matching import is_invoice_noun
from klearstack_async.sandbox.reading.words import Word, fold, norm, text_of

__all__ = ["NameSpan", "company_names", "is_addressing", "name_of_cell"]

# What a company's name ends in. Short forms count in capitals only: "as" and "se" are words too.
_FORM = (
    r"(?:(?:g?GmbH|GMBH|mbH|AG|KGaA|KG|OHG|oHG|GbR|UG|SE|SA|SAS|SASU|SARL|S[àÀ]rl|SÀRL|EURL|SNC|SCI"
    r"|S\.A\.S?\.?|S\.A\.R\.L\.?|SL|SLU|S\.L\.(?:U\.)?|S\.?R\.?L\.?|S\.?r\.?l\.?s?\.?|SRL|SpA|SPA"
    r"|S\.p\.A\.?|S\.P\.A\.?|S\.n\.c\.|s\.n\.c\.|s\.a\.s\.|Sagl|BV|B\.V\.?|NV|N\.V\.?|VOF|V\.O\.F\."
    r"|BVBA|SPRL|Ltd\.?|LTD\.?|Limited|LIMITED|LLC|L\.L\.C\.|Inc\.?|INC\.?|Corp\.?|Corporation|LLP"
    r"|PLC|plc|Pvt\.?|Pty\.?|PTY|Co\.|AB|AS|A/S|ApS|Oy|OY|Oyj|s\.r\.o\.|spol\.|a\.s\.|Sp\.|sp\.|Lda\.?"
    r"|LDA|Ltda\.?|Unipessoal|P\.C\.|PLLC|N\.A\.|I/S|K/S|OG|lt[eé]e|inc\.|ltd\.|e\.K\.?|e\.Kfm\.?|e\.V\.|eG|eK|Genossenschaft|Stiftung|Company|Kft\.?)"
    r",?)"
)
_FORM_WORD = re.compile(rf"^{_FORM}$")
# What goes on after a form: "GmbH & Co. KG", "Pvt. Ltd.", "sp. z o.o.", "spol. s r.o.", "Pty Ltd".
_FORM_MORE = re.compile(
    rf"^(?:{_FORM}|&|und|\+|z|o\.o\.|s|r\.o\.|\(haftungsbeschränkt\)|Nederland|de|C\.V\.)$"
)
_SEPARATOR = re.compile(r"^[-\u2013\u2014|•●·∙▪■*/]+$|^\*$")
_SALUTATION = re.compile(
    r"^(?:herrn?|frau|firma|fa\.?|mr\.?|mrs\.?|ms\.?|monsieur|madame|m\.|mme|sig\.?|spett\.?(?:le)?"
    r"|an|dhr\.?|mevr\.?|sr\.?|sra\.?|sehr geehrte.*|an die|to|familie|exmo.*|gentile.*|messrs\.?)$"
)
_TO_HANDS = re.compile(
    r"^(?:attn|attention|att|c/o|z\. ?hd?\.?|zu handen|t\.a\.v\.?|a l'attention de|ref)\b[.: ]*"
)
_MAX_NAME_WORDS = 9


@dataclass(frozen=True, slots=True)
class NameSpan:
    """A name and the words that print it."""

    text: str
    words: tuple[Word, ...]
    line: Line


def name_of_cell(cell: Cell, skip: int = 0) -> NameSpan | None:
    """Take the name that a cell begins with, or None when the cell is something else.

    Args:
        cell: The cell.
        skip: Words to leave out at its beginning, such as a label.
    """
    words = list(cell.words[skip:])
    while words and (not words[0].norm or is_addressing(words[0])):
        words.pop(0)
    words = _until_prose(_until_separator(words))
    text = text_of(words).strip(" ,;:-\u2013|")
    folded = fold(text)
    if not words or sum(c.isalpha() for c in text) < 2 or len(words) > _MAX_NAME_WORDS:
        return None
    if not is_name(text) or _SALUTATION.match(folded):
        return None
    if all(is_invoice_noun(w.norm) or not w.norm for w in words) or norm(text) in labels_by_key():
        return None
    return NameSpan(text, tuple(words), cell.line)


def is_addressing(word: Word) -> bool:
    """Whether a word only says that a person's name follows: "Attn:", "c/o"."""
    return _TO_HANDS.match(fold(word.text) + " ") is not None


def _until_separator(words: list[Word]) -> list[Word]:
    for i, word in enumerate(words):
        if i and (_SEPARATOR.match(word.text) or word.text[0] in "|•●·"):
            return words[:i]
        if i and word.text.startswith("("):
            return words[:i]
        comma = word.text.endswith((",", ";"))
        if comma and i + 1 < len(words) and not _FORM_WORD.match(words[i + 1].text):
            return words[: i + 1]
    return words


def _until_prose(words: list[Word]) -> list[Word]:
    """End a name after its legal form, if a sentence goes on: "Free SAS au capital de"."""
    for i, word in enumerate(words[:-1]):
        more = words[i + 1].text
        if i and _FORM_WORD.match(word.text) and more[0].islower() and not _FORM_MORE.match(more):
            return words[: i + 1]
    return words


def company_names(layout: Layout) -> Iterator[NameSpan]:
    """Find the names that end in a company's legal form, wherever they stand."""
    for line in layout.lines:
        for cell in cells_of(line):
            yield from _companies_in(cell)


def _companies_in(cell: Cell) -> Iterator[NameSpan]:
    words = cell.words
    i = 0
    start = 0
    while i < len(words):
        if _SEPARATOR.match(words[i].text) or words[i].text.endswith(":"):
            start = i + 1
        elif i > start and _FORM_WORD.match(words[i].text):
            end = _form_end(words, i)
            span = words[_name_start(words, start, i) : end]
            text = text_of(span).strip(" ,;")
            if any(sum(c.isalpha() for c in w.text) > 1 for w in span[:-1]) and is_name(text):
                yield NameSpan(text, tuple(span), cell.line)
            i = end - 1
            start = end
        i += 1


def _form_end(words: tuple[Word, ...], i: int) -> int:
    end = i + 1
    while end < len(words) and _FORM_MORE.match(words[end].text) and words[end - 1].text[-1] != ",":
        end += 1
    while end > i + 1 and words[end - 1].text in {"&", "und", "+", "z", "s", "de"}:
        end -= 1
    return end


def _name_start(words: tuple[Word, ...], start: int, form: int) -> int:
    """Where a company's name begins: at the cell's start, or in prose at its first capital."""
    if form - start <= 6 and len(words) - start <= _MAX_NAME_WORDS + 3:
        return start
    if form - start <= 3:
        return start
    first = form
    while first > start and (words[first - 1].text[0].isupper() or words[first - 1].text == "&"):
        first -= 1
    return first
