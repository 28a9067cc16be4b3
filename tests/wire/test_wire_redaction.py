"""That no secret shows, however a server wrote it down, and that nothing else is taken away.

What a text says is judged by `secrets_kit`, which reads it by other means.
"""

from __future__ import annotations

import base64
import html
import json
import random
import re
import unicodedata
from collections.abc import Callable
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from secrets_kit import says

from klearstack_async.errors import BadRequest
from klearstack_async.wire import notations, redaction
from klearstack_async.wire.redaction import cleaned, one_line
from klearstack_async.wire.reply import Reply, judge

WITHHELD = "[withheld: it repeats a secret]"
UNREAD = "[withheld: it is escaped in too many ways to be searched for secrets]"
Encode = Callable[[str], str]


def utf16(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


def js_uri_component(text: str) -> str:
    return quote(text, safe="-_.!~*'()")


def js_escape(text: str) -> str:
    return "".join(
        chr(unit)
        if unit < 128 and chr(unit).isalnum()
        else f"%{unit:02X}"
        if unit < 256
        else f"%u{unit:04X}"
        for unit in utf16(text)
    )


NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "ü": "&uuml;"}
WAYS: dict[str, Encode] = {
    "raw": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "json": lambda s: json.dumps(s)[1:-1],
    "json, not ascii": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "php": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "json for html": lambda s: re.sub(
        "[<>&'+]", lambda m: f"\\u{ord(m[0]):04X}", json.dumps(s)[1:-1]
    ),
    "all by \\u": lambda s: "".join(f"\\u{unit:04x}" for unit in utf16(s)),
    "all by \\U": lambda s: "".join(f"\\U{ord(c):08x}" for c in s),
    "all by \\u{}": lambda s: "".join(f"\\u{{{ord(c):x}}}" for c in s),
    "bytes by \\x": lambda s: "".join(f"\\x{byte:02x}" for byte in s.encode()),
    "bytes in octal": lambda s: "".join(f"\\{byte:03o}" for byte in s.encode()),
    "python": lambda s: repr(s)[1:-1],
    "python, ascii": lambda s: ascii(s)[1:-1],
    "python, bytes": lambda s: repr(s.encode())[2:-1],
    "url": lambda s: quote(s, safe=""),
    "url, lower": lambda s: re.sub("%..", lambda m: m[0].lower(), quote(s, safe="")),
    "url, path": quote,
    "encodeURIComponent": js_uri_component,
    "escape": js_escape,
    "form": quote_plus,
    "form, lower": lambda s: re.sub("%..", lambda m: m[0].lower(), quote_plus(s)),
    "all by %": lambda s: "".join(f"%{byte:02X}" for byte in s.encode()),
    "html": html.escape,
    "html, named": lambda s: "".join(NAMED.get(c, c) for c in s),
    "html, named, upper": lambda s: html.escape(s, quote=False).replace("&amp;", "&AMP;"),
    "html, decimal": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "html, zeros": lambda s: "".join(f"&#000{ord(c)};" for c in s),
    "html, hex": lambda s: "".join(f"&#x{ord(c):x};" for c in s),
    "html, HEX": lambda s: "".join(f"&#X00{ord(c):X};" for c in s),
    "html, utf-16": lambda s: "".join(f"&#{unit};" for unit in utf16(s)),
    "wrong charset": lambda s: s.encode().decode("latin-1"),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64, basic": lambda s: base64.b64encode(f"demo:{s}".encode()).decode(),
    "base64, url": lambda s: base64.urlsafe_b64encode(f"a:{s}:b".encode()).decode(),
}
# Not everything has these forms: only tables use them, no strategy.
RARE_WAYS: dict[str, Encode] = {
    "nfc": lambda s: unicodedata.normalize("NFC", s),
    "nfd": lambda s: unicodedata.normalize("NFD", s),
    "windows-1252": lambda s: "".join(
        bytes([b]).decode("cp1252", "ignore") or chr(b) for b in s.encode()
    ),
    "no utf-8": lambda s: s.encode("latin-1", "replace").decode("utf-8", "replace"),
    "not ascii": lambda s: s.encode("ascii", "replace").decode(),
    "ascii alone": lambda s: s.encode("ascii", "ignore").decode(),
    "wrong charset, twice": lambda s: s.encode().decode("latin-1").encode().decode("latin-1"),
    "latin-1 in a url": lambda s: quote(s.encode("latin-1", "xmlcharrefreplace")),
    "wrapped": lambda s: f"{s[:3]}\r\n    {s[3:]}",
    "wrapped each": "\n".join,
    "wrapped, json": lambda s: json.dumps(f"{s[:3]}\n{s[3:]}")[1:-1],
    "collapsed": lambda s: " ".join(s.split()),
    "nbsp": lambda s: s.replace(" ", "\xa0"),
    "wrapped base64": lambda s: base64.encodebytes(f"{'x' * 55}:{s}".encode()).decode(),
    "json, thrice": lambda s: WAYS["json"](WAYS["json"](WAYS["json"](s))),
}
PASSWORDS = {
    "plain": "correct-Horse7",
    "four": "Xy7z",
    "blanks": "my  pass word",
    "quotes": 'it\'s "so" `odd`',
    "slashes": "a/b//c\\d\\\\e",
    "plus": "one+two ++three",
    "ends in plus": "+seven+",
    "umlauts": "Größe-Mütze-é",
    "emoji": "key🔑lock🔒s",
    "no ascii": "пароль密码🔑",
    "backslashes": "\\new\\u0041\\t\\",
    "metacharacters": "^a.*[b](c)?{2}|$\\d+",
    "percent": "100%41%zz%%",
    "entities": "<b>&amp;&#39;",
    "newlines": "first\nsecond\r\n\tthird",
    "marks": "!'()*~-_.",
    "controls": "bell\x07\x1b[0m\x7f",
    "long": "Long-Secret/+= " * 8 + "ü",
    "token": "eyx." + "Ab9_-" * 30,
}

each_password = pytest.mark.parametrize("password", PASSWORDS.values(), ids=list(PASSWORDS))
each_way = pytest.mark.parametrize("way", [*WAYS, *RARE_WAYS])


def hidden(written: str, secret: str) -> str:
    """Give what is shown of a text between two signs, and check that it is no secret."""
    shown = cleaned(f'it said <"{written}"> sorry', (secret,))
    assert not says(shown, secret)
    assert shown.startswith('it said <"')
    assert shown.endswith('"> sorry')
    return shown[10:-8]


@each_password
@each_way
def test_a_secret_is_hidden_in_each_notation(password: str, way: str) -> None:
    written = (WAYS | RARE_WAYS)[way](password)
    if says(written, password) or way in {"not ascii", "no utf-8", "ascii alone"}:
        readable = [c for c in password if c.isascii() and c not in " +?"]
        if way in RARE_WAYS and len(readable) < 4:
            pytest.skip("nothing is left of it")
        shown = hidden(written, password)
        # What is left is the other side of base64.
        assert shown == "***" or ("base64" in way and "***" in shown)
    else:
        pytest.fail(f"{written!r} does not say {password!r}")


PAIRS = [
    ("json", "json"),
    ("html", "json"),
    ("url", "json"),
    ("form", "json"),
    ("all by %", "json"),
    ("url", "url"),
    ("form", "form"),
    ("json", "html"),
    ("json", "url"),
    ("json for html", "php"),
    ("html", "url"),
    ("url", "html"),
    ("html", "html"),
    ("html, decimal", "json"),
    ("json", "wrong charset"),
    ("url", "wrong charset"),
    ("wrong charset", "wrong charset"),
    ("url", "base64, basic"),
    ("php", "base64, basic"),
    ("python", "json"),
    ("python", "python, bytes"),
]


@pytest.mark.parametrize(("outer", "inner"), PAIRS, ids="(".join)
def test_a_secret_is_hidden_in_two_notations(outer: str, inner: str) -> None:
    # Every other one: each pair meets half of them, and each password half of the pairs.
    for password in list(PASSWORDS.values())[PAIRS.index((outer, inner)) % 2 :: 2]:
        hidden(WAYS[outer](WAYS[inner](password)), password)


KNOWN = [
    ("a!'()* b/cü", "a!'()*%20b%2Fc%C3%BC"),
    ("pass /word", "pass+%2fword"),
    ("it's", "it&#39;s"),
    ("it's", "it&#039;s"),
    ("it's", "it&#x27;s"),
    ("it's", "it&#X0027;s"),
    ("it's", "it&apos;s"),
    ('a"b"', "a&#34;b&quot;"),
    ("R&D<1>", "R&amp;D&lt;1&GT;"),
    ("Tür-1", "T\\u00FCr-1"),
    ("a<b&c'd", "a\\u003cb\\u0026c\\u0027d"),
    ("a<b&c'd", "a\\u003Cb\\U0026c\\x27d"),
    ("ab/cd", "ab\\/cd"),
    ("ab/cd", "ab\\\\\\/cd"),
    ('a"b\\', '\\\\\\"a\\\\\\"b\\\\\\\\'),
    ("Tür/1", "T%25C3%25BCr%252f1"),
    ("Tür-1", "TÃ¼r-1"),
    ("5€-ab", "5â\u201a¬-ab"),
    ("Tür-1", "Tu\u0308r-1"),
    ("Tu\u0308r-1", "Tür-1"),
    ("Tür-10", "T\ufffdr-10"),
    ("Tür-10", "T?r-10"),
    ("Straße-1", "STRASSE-1"),
    ("two  blanks", "two blanks"),
    ("two  blanks", "two\n\t blanks"),
    ("blank plus", "blank%2Bplus"),
    ("a😀b😀", "a\\ud83d\\ude00b\\uD83D\\uDE00"),
    ("a😀b😀", "a&#55357;&#56832;b&#x1F600;"),
    ("a😀b😀", "a%uD83D%uDE00b%F0%9F%98%80"),
    ("Tür-1", "T%FCr-1"),
    ("Tür-1", "T\\303\\274r-1"),
    ("日本語だ", "æ\x97¥æ\x9c¬èª\x9eã\x81\xa0"),
    ("a-b.c*d", "a\\-b\\.c\\*d"),
    ("Xy7z", "RGVtbzpYeTd6"),
    ("a>>>b", "YT4-PmI="),
    ("it's", "it&APOS;s"),
    ("€€€€", "â\u201a¬" * 4),
    ("Tür-1", "VPxyLTE="),
    ("Tür-1", "T\\u{FC}r-1"),
]


@pytest.mark.parametrize(("secret", "written"), KNOWN)
def test_a_known_miss_is_hidden(secret: str, written: str) -> None:
    assert "***" in hidden(written, secret)


def test_no_notation_is_there_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    for notation in notations.NOTATIONS:
        others = {key: read for key, read in notations.NOTATIONS.items() if key is not notation}
        with monkeypatch.context() as patch:
            patch.setattr(notations, "NOTATIONS", others)
            missed = [
                written for secret, written in KNOWN if cleaned(written, (secret,)) == written
            ]
        assert missed, f"without {notation.pattern} nothing is missed"


# Neither in what writes a secret down, nor a character that could be mistaken for a blank.
AROUND = st.text(st.sampled_from("λжЩ☺ .:,;{}[]|~^\n0"), max_size=40)
SECRETS = st.text(min_size=4, max_size=40).filter(lambda text: len(text.strip()) >= 4)
# What is hard to read again, thickly.
HARD = st.text(st.sampled_from("ab\\%&#;x u0+'\"/<ü🔑\n"), min_size=4, max_size=20).filter(
    lambda text: len(text.strip()) >= 4
)
# Each takes its text back exactly, whatever it is.
EXACT = [way for way in WAYS if way != "html, named, upper"]
# A notation in another case, or in base64, is another notation.
OUTER = [way for way in EXACT if "case" not in way and "base64" not in way]


@given(
    secret=SECRETS | HARD,
    ways=st.tuples(st.sampled_from(EXACT), st.sampled_from(OUTER)),
    before=st.text(max_size=40),
    after=st.text(max_size=40),
)
@example(secret="0000", ways=("raw", "raw"), before="", after="")
def test_no_secret_is_left_in_any_text(
    secret: str, ways: tuple[str, str], before: str, after: str
) -> None:
    written = secret
    for way in ways:
        written = WAYS[way](written)
    assume(not says(f"{before}<>{after}", secret) and not says("***", secret))
    shown = cleaned(f"{before}<{written}>{after}", (secret,))
    assert f"<{written}>" not in shown
    assert "***" in shown or shown == WITHHELD


@given(secret=SECRETS, way=st.sampled_from(EXACT), before=AROUND, after=AROUND)
def test_what_stands_around_a_secret_stays(secret: str, way: str, before: str, after: str) -> None:
    assume("base64" not in way and secret.strip() == secret)
    assume(not set(secret.casefold()) & set("<>λжщ☺ .:,;{}[]|~^\n0+"))
    assert cleaned(f"{before}<{WAYS[way](secret)}>{after}", (secret,)) == f"{before}<***>{after}"


@given(text=st.text() | st.text(st.sampled_from("\\u00%2C3&#x;\"'+ abÃ¼")), secret=SECRETS)
def test_a_text_without_the_secret_stays_as_it_is(text: str, secret: str) -> None:
    assume(not says(text, secret) and secret.isascii())
    assert cleaned(text, (secret,)) == text
    assert cleaned(text, ()) == text


@pytest.mark.parametrize(
    "text",
    [
        "The document's password is not right: 100% of it; a+b &amp; c \\n \\u00fc",
        "Document ID not found",
        "Token expired",
        "the keyJournal_entries-of-2024 are wrong",
        "Invalid token: signature has expired",
        "the word\nis short; pas sword, passwort, p.a.s.s.w.o.r.d, drowssap",
        '{"accessible": true, "tokens": 3, "a": "\\ud83d", "%": "%GG%", "&": "&x; &#99999999;"}',
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert cleaned(text, ("correct-Horse7", "", "  ", "Passw0rd", "eyJhbGciOi.J9.x")) == text


@pytest.mark.parametrize("secret", ["a", "12", "e x", " a ", "ü", "é\u0301", "+"])
def test_a_text_with_a_very_short_secret_is_withheld(secret: str) -> None:
    said = f"a bad password was given: {secret}, 123 times"
    assert cleaned(said, ("another-one", secret)) == WITHHELD
    assert cleaned(json.dumps(said), (secret,)) == WITHHELD
    assert cleaned(quote(said), (secret,)) == WITHHELD
    assert cleaned(WITHHELD, (secret,)) == WITHHELD
    assert cleaned("nothing", (secret,)) == "nothing"


def test_a_withheld_text_tells_the_status_still() -> None:
    with pytest.raises(BadRequest) as caught:
        judge(Reply(400, {}, b"a bad password", secrets=("a",)))
    assert (caught.value.status, caught.value.excerpt) == (400, WITHHELD)


def test_all_of_several_secrets_are_hidden() -> None:
    secrets = ("abcd-1", "1-cdef", "cd-1-c", "")
    assert cleaned("<abcd-1-cdef> <1-cdef>", secrets) == "<***> <***>"


def four_of(password: str) -> str:
    """Give the start of a password that holds four characters, blanks aside."""
    ends = [end for end in range(len(password)) if len(re.sub(r"[\s+]", "", password[:end])) == 4]
    return password[: ends[0]] if ends else password


@each_password
@pytest.mark.parametrize("way", EXACT)
def test_of_a_secret_that_was_cut_no_four_characters_show(password: str, way: str) -> None:
    written = WAYS[way](password)[:48]
    for end in range(8 + len(password) % 2, len(written), 2):
        shown = cleaned(f"sent: <{written[:end]}", (password,), cut=True)
        assert not says(shown, four_of(password)), shown


def test_the_end_of_a_whole_text_is_shown() -> None:
    assert cleaned("a bad corr", ("correct-Horse7",)) == "a bad corr"
    assert cleaned("a bad corr", ("correct-Horse7",), cut=True) == "a bad ***"
    assert cleaned("a corr is bad", ("correct-Horse7",), cut=True) == "a corr is bad"


@pytest.mark.parametrize("gap", ["\n", "\r\n   ", "\n" * 900, " \n \t" * 200])
def test_a_secret_that_was_wrapped_and_cut_is_hidden(gap: str) -> None:
    for secret, start in [("correct-Horse7", "corr{}ect"), ("two  blanks-1", "two{}blank")]:
        written = start.format(gap)
        shown = cleaned(f"{'x ' * 200}<{written}", (secret,), cut=True)
        assert shown == f"{'x ' * 200}<***"


@each_password
@pytest.mark.parametrize("way", ["raw", "json", "form", "html, zeros", "base64, basic"])
def test_a_secret_at_the_end_of_the_window_is_in_no_excerpt(password: str, way: str) -> None:
    written = WAYS[way](password[:40])
    for before in range(max(0, 1990 - len(written)), 2001, 7):
        body = b"\n" * before + written.encode() + b" and so on" * 500
        assert not says(Reply(400, {}, body, secrets=(password,)).excerpt(), four_of(password))


TOKENS = [
    '{"access_token": "MARKED"',
    "{'refreshToken': 'MARKED'",
    '{"said": "{\\"access_token\\": \\"MARKED\\"}"',
    "access_token=MARKED&x=1",
    "a=1&token=MARKED&x=1",
    "csrf_token=MARKED",
    '{"jwt" : "MARKED"',
    '{"token":"MARKED\\/MARKED"',
    "%7B%22access_token%22%3A%22MARKED%22%7D",
    "{&quot;access&quot;: &quot;MARKED&quot;",
    "Bearer MARKED is bad",
    "bearer+MARKED",
    "Bearer%20MARKED",
    "Authorization: Bearer MARKED",
    "Authorization: Basic MARKED",
    "authorization=MARKED",
    '{"Authorization": "MARKED"}',
    '["eyJhbGciOiJIUzI1NiJ9.eyJNQVJLRUQiOjF9.MARKED"]',
    "eyJhbGciOiJIUzI1NiJ9%2EeyJNQVJLRUQiOjF9%2EMARKED",
    "eyJhbGciOiJIUzI1NiJ9.eyJNQVJLRUQ",
    "eyJMARKEDiOiJIUz",
]


@pytest.mark.parametrize("said", TOKENS)
def test_what_looks_like_a_token_is_hidden(said: str) -> None:
    shown = cleaned(f"so: {said} .", ())
    assert "MARKED" not in shown
    assert "eyJNQVJ" not in shown
    assert shown.startswith("so: ")
    assert "***" in shown
    assert shown.endswith(" .")


def test_a_text_that_is_too_long_to_read_is_cut() -> None:
    shown = cleaned("x" * 2_044 + "correct-Horse7" + "y" * 1_000_000, ("correct-Horse7",))
    assert shown == "x" * 2_044 + "***…"


HOSTILE = ["\\", "%25", "&amp;", "\\u005c%5c&#92;Ã\x83Â\x82", "&amp;%25\\\\", "a", "a\n"]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("size", [100, 1_000, 2_048])
def test_a_hostile_text_is_read_through_within_bounds_or_withheld(piece: str, size: int) -> None:
    bits = random.Random(size)  # noqa: S311 - it has to be the same each time
    for pieces in ([piece], [piece, *piece]):
        text = "".join(bits.choice(pieces) for _ in range(size))[:size]
        readings = notations.readings_of(text, redaction._MOST_READ_CHARACTERS)
        if readings is None:
            assert cleaned(text, ()) == UNREAD
        else:
            assert sum(len(reading.text) + 500 for reading in readings) <= 40_000


@pytest.mark.parametrize("times", range(9))
def test_a_secret_under_many_notations_is_hidden_or_withheld(times: int) -> None:
    secret = "a%b-cdef"
    for _ in range(times):
        secret = quote(secret)
    shown = cleaned(f"<{secret}>", ("a%b-cdef",))
    assert shown == ("<***>" if times <= 5 else UNREAD)


def test_what_is_withheld_is_withheld_because_of_what_could_not_be_read() -> None:
    dense = "".join(random.Random(1).choices(["\\u005c", "%5c", "&#92;", "&amp;", "%25"], k=400))  # noqa: S311 - it has to be the same each time
    assert cleaned(f"{dense} correct-Horse7", ("correct-Horse7",)) == UNREAD
    assert cleaned("correct-Horse7 " * 100, ("correct-Horse7",)) == "*** " * 100


def loops_that_go_back(parsed: Any) -> list[Any]:
    """Give the loops without a bound that try again with less, out of a parsed pattern."""
    found = []
    for operation, value in parsed:
        if operation in {sre.MAX_REPEAT, sre.MIN_REPEAT} and value[1] is sre.MAXREPEAT:
            found.append(value)
        for part in value if isinstance(value, (tuple, list)) else [value]:
            for inner in part if isinstance(part, list) else [part]:
                if type(inner).__name__ == "SubPattern":
                    found += loops_that_go_back(inner)
    return found


def test_no_pattern_goes_back() -> None:
    needles = [needle for word in PASSWORDS.values() for needle in redaction._needles(word)]
    patterns = [redaction._TOKENS, redaction._TAIL, *notations.NOTATIONS]
    for needle in needles:
        patterns += [needle.head, needle.stub]
        patterns += [redaction._compiled(piece, needle.flags) for piece in needle.pieces]
    for pattern in patterns:
        assert not loops_that_go_back(sre_parser.parse(pattern.pattern, pattern.flags))
    assert loops_that_go_back(sre_parser.parse("a(?:b|(c+))?d"))


def test_nothing_that_finds_a_secret_shows_it() -> None:
    cleaned("a text", ("correct-Horse7",))
    needles = redaction._needles("correct-Horse7")
    assert not says(f"{needles!r} {needles!s} {redaction._needles!r}", "correct")
    assert redaction._needles.cache_info().maxsize is not None


def test_a_message_is_one_line_that_can_be_printed() -> None:
    assert one_line(" a\n\tb\x1b[0m ", 100) == "a b\ufffd[0m"
    assert one_line("x" * 1000, 10) == "x" * 10
