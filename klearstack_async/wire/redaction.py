"""Taking secrets out of what a server said, before it becomes part of a message.

A server may repeat a secret in any notation: as JSON, as JSON inside of JSON, as HTML, in the form
of a query, in the wrong character set. So the notations aren't enumerated per secret: the *text*
is read in every notation that it holds (`notations.py`), the secret is looked for in each reading,
and what it was read from is hidden in the text itself.

The rule: nothing is shown that wasn't looked through. Reading is work, and holds the event loop;
so of a long text the rest is dropped unread, and a text that can be read in more ways than there
is time for is withheld as a whole, as is one that is escaped more than five times over.

A secret of fewer than four characters can't be hidden by leaving it out, because the gaps would
spell it (`inv***lid p***ssword`): a text that holds one is withheld as a whole. Of a longer one
that was cut off, up to three characters may show.

Not found: a secret that was compressed, hashed, enciphered, transliterated (`ue` for `ü`), spelled
backwards, shortened by the server, or written in hex, quoted-printable or UTF-7; base64 of anything
but plain UTF-8 and Latin-1; one of which only some characters were escaped that had to be (the
quotes, and not the backslashes). And where a secret is a common word, the gap in a sentence that
everybody knows tells it.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Literal

from klearstack_async.wire.notations import readings_of

__all__ = ["cleaned", "one_line"]

_HIDDEN = "***"
_WITHHELD = "[withheld: it repeats a secret]"
_UNREAD = "[withheld: it is escaped in too many ways to be searched for secrets]"
_SHORTEST = 4
_MOST_CHARACTERS = 2048
# Some 16 readings of a text of that length: below 40 ms, whatever the server wrote.
_MOST_READ_CHARACTERS = 40_000

# A token in an answer is a secret before anyone has read it: a JWT, whole or cut, or what stands
# behind a key or a word that says so, however often it was quoted.
_TOKENS = re.compile(
    r"""(?P<jwt>(?<![a-zA-Z])(?-i:eyJ)[\w-]{8,}+(?:\.[\w-]*+){0,4})"""
    r"""|(?:(?:\bbearer[\s+]++"""
    r"""|\bauthorization[\\"']*+\s*+[:=]\s*+[\\"']*+(?:(?:bearer|basic|token)[\s+]++)?+"""
    r"""|(?:(?:access|refresh)_?token[\\"']*+|(?<![\w-])(?:[\w-]{0,20}token|jwt|access)[\\"']++"""
    r"""|(?<![\w-])(?:[\w-]{0,20}token|jwt)(?==))\s*+[:=]\s*+[\\"']*+)"""
    r"""(?P<value>[^\\"'&\s,}]++))""",
    re.IGNORECASE,
)


def one_line(text: str, most_characters: int) -> str:
    """Make a text fit for a message: one bounded line, with nothing that steers a terminal."""
    words = " ".join(text[: 4 * most_characters].split())
    return "".join(c if c.isprintable() else "\ufffd" for c in words[:most_characters])


def cleaned(text: str, secrets: tuple[str, ...], *, cut: bool = False) -> str:
    """Take every secret out of a text, however it was written down, and what looks like a token.

    Args:
        text: What a server said. Of a text of more than 2,048 characters, the rest is dropped.
        secrets: What must not show. Empty ones, and those of nothing but blanks, are skipped. One
            of fewer than four characters makes the whole text be withheld if it is in there.
        cut: The text is the start of a longer one, so a secret may have lost its end: of one at
            the very end of the text, no four characters show.

    Returns:
        The text with `***` where a secret was; a note in its place if it couldn't be read through.
    """
    dropped = len(text) > _MOST_CHARACTERS
    text, cut = text[:_MOST_CHARACTERS], cut or dropped
    readings = readings_of(text, _MOST_READ_CHARACTERS)
    if readings is None:
        return _UNREAD
    needles = [needle for secret in secrets if secret.strip() for needle in _needles(secret)]
    spans = []
    for reading in readings:
        for needle in needles:
            found = list(needle.spans(reading.text, cut=cut))
            if found and needle.withholds:
                return _WITHHELD
            spans += [reading.origin(*span) for span in found]
        for token in _TOKENS.finditer(reading.text):
            spans.append(reading.origin(*token.span(token.lastgroup or 0)))
    return _without(text, spans) + ("…" if dropped else "")


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """Put the mark in the place of each span; of spans that overlap, one."""
    parts, shown_until = [], 0
    for start, end in sorted(spans):
        if start >= shown_until:
            parts += [text[shown_until:start], _HIDDEN]
        shown_until = max(shown_until, end)
    return "".join(parts) + text[shown_until:]


# --- looking for a secret in one reading ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Needle:
    """A secret, as patterns that match one after the other; none of them ever goes back.

    What a pattern of all of it would cost to build grows with a token's length, so only its head
    is one, and the pieces of the rest are made when a head was found. What begins with the head of
    a secret is hidden as far as it goes on like it.
    """

    stub: re.Pattern[str] = field(repr=False)
    head: re.Pattern[str] = field(repr=False)
    pieces: tuple[str, ...] = field(repr=False)
    flags: int
    longest: int
    withholds: bool

    def spans(self, text: str, *, cut: bool) -> Iterator[tuple[int, int]]:
        """Give the places of the secret, and of its start if the text ends in the middle of it."""
        position = 0
        while found := self.head.search(text, position):
            *_, position = self._ends(_HEAD_PIECES, text, found.end())
            yield found.start(), position
        if not cut:
            return
        position = max(position, _last(text, self.longest))
        solid = len(text.rstrip())
        while found := self.stub.search(text, position):
            ends = list(self._ends(_stub_pieces(self.pieces), text, found.end()))
            # What is left of an escape may look like the next characters.
            last = ends[-12:] if ends[-1] >= solid - _LONGEST_TAIL else []
            if any(_TAIL.fullmatch(text, end) for end in last):
                yield found.start(), len(text)
                return
            position = found.start() + 1

    def _ends(self, first: int, text: str, position: int) -> Iterator[int]:
        """Say up to where a text goes on like the pieces from the first on."""
        yield position
        for piece in self.pieces[first:]:
            found = _compiled(piece, self.flags).match(text, position)
            if found is None:
                break
            position = found.end()
            yield position


def _last(text: str, most_characters: int) -> int:
    """Say where so many characters begin at the end of a text, blanks aside."""
    start, left = len(text), most_characters
    while start and left > 0:
        # A longer step never takes in too little.
        step = max(left, 64)
        left -= len(_BLANKS.sub("", text[max(0, start - step) : start]))
        start = max(0, start - step)
    return start


_BLANKS = re.compile(r"[\s+]++")
# What a cut may leave of a character that was escaped. It counts for one that shows.
_LONGEST_TAIL = 32
_TAIL = re.compile(r"[^!-~]{0,4}+(?:[\\%&][\w#{%\\]{0,12})?+\s*+", re.ASCII)
_HEAD_PIECES = 32
# A secret may be wrapped over lines, and a blank may be a plus, or several.
_WRAP = r"(?:[^\S\r\n]*+[\r\n]\s*+)?+"
_UNREADABLE = r"(?:[^\x00-\x7f]|\?|[a-zA-Z](?=[\u0300-\u036f]))"


# Bounded, and in memory only: the account and the request hold the same texts.
@lru_cache(maxsize=64)
def _needles(secret: str) -> tuple[_Needle, ...]:
    """Make the patterns of one secret."""
    short = len(secret.strip()) < _SHORTEST
    forms = dict.fromkeys((secret, *(unicodedata.normalize(form, secret) for form in _NORMAL)))
    needles = [_needle(_exactly(form.strip()), withholds=short) for form in forms]
    readable = sum(character.isascii() and character not in " +?" for character in secret)
    if readable >= _SHORTEST and not secret.isascii():
        needles.append(_needle(_roughly(secret.strip())))
    if not short:
        needles += [_needle(pieces, flags=0) for pieces in _in_base64(secret)]
    return tuple(needles)


_NORMAL: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


def _needle(pieces: list[str], *, flags: int = re.IGNORECASE, withholds: bool = False) -> _Needle:
    return _Needle(
        stub=re.compile("".join(pieces[: _stub_pieces(pieces)]), flags),
        head=re.compile("".join(pieces[:_HEAD_PIECES]), flags),
        pieces=tuple(pieces),
        flags=flags,
        # A piece is one character, or what a wrong character set made of some.
        longest=_LONGEST_TAIL + sum(_most_characters(piece) for piece in pieces),
        withholds=withholds,
    )


def _stub_pieces(pieces: Sequence[str]) -> int:
    return max(1, min(_SHORTEST, len(pieces)) - 1)


def _most_characters(piece: str) -> int:
    """Say how many characters a piece takes at most, blanks aside."""
    unreadable = re.search(r"\{0,(\d+)\}\+$", piece) if piece.startswith(_UNREADABLE) else None
    return int(unreadable[1]) if unreadable else 1 if piece.isascii() else 3


# A token has hundreds of pieces, and few that are different.
@lru_cache(maxsize=512)
def _compiled(piece: str, flags: int) -> re.Pattern[str]:
    return re.compile(piece, flags)


def _exactly(secret: str, *, inside: bool = False) -> list[str]:
    """Match each character, in any case; and blanks, however many."""
    solid = sum(not _is_blank(character) for character in secret)
    pieces: list[str] = []
    done = 0
    for blank, run in groupby(secret, _is_blank):
        characters = "".join(run)
        done += len(characters)
        if not blank:
            first, *others = map(_in_any_case, characters)
            pieces += [first, *(_WRAP + other for other in others)]
        elif inside:
            pieces.append(r"[\s+]++")
        elif solid < _SHORTEST:
            # With so little else to go by, a blank is no plus.
            pieces.append(_blanks(characters))
        elif not pieces:
            pieces.append(rf"(?:\+[\s+]{{0,{len(characters)}}}+)?+")
        elif done == len(secret):
            pieces.append(rf"(?>[\s+]{{0,{len(characters)}}}\+)?+")
        else:
            pieces.append(r"[\s+]++")
    return pieces


def _in_any_case(character: str) -> str:
    if character.isascii():
        return re.escape(character)
    cased = {character, character.upper(), character.lower(), character.casefold()}
    return f"(?>{'|'.join(map(re.escape, sorted(cased, key=len, reverse=True)))})"


def _blanks(characters: str) -> str:
    if set(characters) == {"+"}:
        return rf"\+{{{len(characters)}}}"
    return r"[\s+]++" if characters.isspace() else rf"[\s+]{{{len(characters)}}}"


def _roughly(secret: str) -> list[str]:
    """Match the ASCII of a secret, whatever became of the rest of it in a wrong character set."""
    pieces: list[str] = []
    for plain, run in groupby(secret, lambda c: c.isascii() and c != "?"):
        characters = "".join(run)
        if plain:
            pieces += _exactly(characters, inside=True)
        else:
            pieces.append(f"{_UNREADABLE}{{0,{8 * len(characters)}}}+")
    return pieces


def _in_base64(secret: str) -> Iterator[list[str]]:
    """Match the secret inside of any text in base64, such as `user:password`."""
    raws = {secret.encode("utf-8", "surrogatepass")}
    if max(secret) <= "\xff":
        raws.add(secret.encode("latin-1"))
    for raw in raws:
        for before in range(3):
            written = base64.b64encode(b"\0" * before + raw).decode()
            # Of the characters at its ends, some bits belong to the text around it.
            known = written[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
            one, *others = (_SAFE_BASE64.get(character, character) for character in known)
            yield [rf"[\w+/-]?{one}", *(_WRAP + other for other in others), r"[\w+/-]?=*+"]


_SAFE_BASE64 = {"+": r"[+\-]", "/": "[/_]"}


def _is_blank(character: str) -> bool:
    return character.isspace() or character == "+"
