from __future__ import annotations

import base64
import html
import json
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Status, StatusCode
from secrets_kit import found_in, says

MARK = "MARKED-s3cret/pass word+ü\"'"


@dataclass
class Hidden:
    word: str = field(repr=False)


class Slotted:
    __slots__ = ("__word", "empty")

    def __init__(self, word: str) -> None:
        self.__word = word


class Struct(msgspec.Struct):
    word: str

    def __repr__(self) -> str:
        return "Struct(...)"


class Pair(NamedTuple):
    first: object
    second: object


class Loud:
    def __repr__(self) -> str:
        return f"Loud({MARK})"


class Broken:
    def __repr__(self) -> str:
        raise ValueError(MARK)


class Quiet(Exception):
    def __str__(self) -> str:
        return "quiet"

    __repr__ = __str__


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


def with_context(error: BaseException) -> BaseException:
    try:
        try:
            raise error
        except type(error):
            raise KeyError from None
    except KeyError as caught:
        return caught


def with_note(note: str) -> BaseException:
    error = Quiet()
    error.add_note(note)
    return error


def with_attribute(value: object) -> BaseException:
    error = Quiet()
    error.excerpt = value  # type: ignore[attr-defined]
    return error


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    return logging.LogRecord("log", logging.INFO, "file", 1, message, args, exc_info)


def span(fill: Callable[[Any], object]) -> ReadableSpan:
    made = TracerProvider().get_tracer("t").start_span("name")
    fill(made)
    made.end()
    assert isinstance(made, ReadableSpan)
    return made


PLANTED: dict[str, tuple[object, str]] = {
    "a text": (MARK, "."),
    "bytes": (MARK.encode(), "."),
    "a bytearray": (bytearray(MARK.encode()), "."),
    "a memoryview": ([memoryview(MARK.encode())], "[0]"),
    "a list": ([1, [MARK]], "[1][0]"),
    "a deque": (deque([MARK]), "[0]"),
    "a set": ({MARK}, "[0]"),
    "a value": ({"a": {"b": MARK}}, "['a']['b']"),
    "a key": ({MARK: 1}, ".key(str)"),
    "a dataclass": (Hidden(MARK), ".word"),
    "a slot": (Slotted(MARK), "._Slotted__word"),
    "a struct": (Struct(MARK), ".word"),
    "a pair": (Pair(1, Hidden(MARK)), "[1].word"),
    "a repr": (Loud(), ".repr()"),
    "a repr that fails": (Broken(), ".repr() raises.str()"),
    "a partial": (partial(print, MARK), ".repr()"),
    "args": (Quiet(MARK), ".args[0]"),
    "a note": (with_note(MARK), ".__notes__[0]"),
    "a note, printed": (with_note(MARK), ".traceback"),
    "an attribute": (with_attribute({"x": MARK}), ".excerpt['x']"),
    "a cause": (raised(Quiet(), Quiet(MARK)), ".__cause__.args[0]"),
    "a context": (with_context(Quiet(MARK)), ".__context__.args[0]"),
    "a printed cause": (raised(Quiet(), KeyError(MARK)), ".traceback"),
    "a group": (ExceptionGroup("g", [Quiet(MARK)]), ".exceptions[0].args[0]"),
    "a message": (record(f"at {MARK}"), ".getMessage()"),
    "a record's args": (record("at %r", Hidden(MARK)), ".args[0].word"),
    "a record's error": (record("x", error=raised(Quiet(MARK))), ".exc_info[1].args[0]"),
    "a formatted error": (record("x", error=raised(KeyError(MARK))), ".format()"),
    "a span's name": (span(lambda s: s.update_name(MARK)), ".name"),
    "a span's attribute": (span(lambda s: s.set_attribute("a", MARK)), ".attributes['a']"),
    "a span's list": (span(lambda s: s.set_attribute("a", [MARK])), ".attributes['a'][0]"),
    "a span's event": (span(lambda s: s.add_event("e", {"a": MARK})), ".events[0].attributes['a']"),
    "a span's error": (
        span(lambda s: s.record_exception(KeyError(MARK))),
        ".events[0].attributes['exception.message']",
    ),
    "a span's status": (
        span(lambda s: s.set_status(Status(StatusCode.ERROR, MARK))),
        ".status.description",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_mark_is_found_wherever_it_is(name: str) -> None:
    obj, path = PLANTED[name]
    assert path in found_in(obj, [MARK])


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_not_there_is_not_found(name: str) -> None:
    assert found_in(PLANTED[name][0], ["another mark", ""]) == []


NOTATIONS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "upper": str.upper,
    "json": json.dumps,
    "json thrice": lambda s: json.dumps(json.dumps(json.dumps(s))),
    "php": lambda s: json.dumps(s).replace("/", "\\/"),
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda s: repr(s.encode()),
    "html": html.escape,
    "html of json": lambda s: html.escape(json.dumps(s)),
    "numbers": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "hex numbers": lambda s: "".join(f"&#X0{ord(c):x};" for c in s),
    "url": lambda s: quote(s, safe=""),
    "url twice": lambda s: quote(quote(s, safe="")),
    "form": quote_plus,
    "form twice": lambda s: quote_plus(quote_plus(s)),
    "latin-1 in a url": lambda s: quote(s.encode("latin-1")),
    "wrong charset": lambda s: s.encode().decode("latin-1"),
    "base64": lambda s: base64.b64encode(f"user:{s}".encode()).decode(),
    "urlsafe base64": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "broken lines": lambda s: s[:9] + "\r\n  " + s[9:],
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_mark_is_found_in_each_notation(notation: str) -> None:
    written = NOTATIONS[notation](MARK)
    assert says(f"it said: {written}, sorry", MARK)
    assert found_in([written.encode()], [MARK]) == ["[0]"]
    assert not says(NOTATIONS[notation]("another-s3cret/word"), MARK)


def test_what_may_hold_a_secret_still_must_not_show_it() -> None:
    assert found_in({"x": Hidden(MARK)}, [MARK], allowed=(Hidden,)) == []
    assert found_in([Loud()], [MARK], allowed=(Loud,)) == ["[0].str()", "[0].repr()"]


def test_a_circle_has_an_end() -> None:
    circle: list[object] = [MARK]
    circle.append(circle)
    error = Quiet(circle)
    error.__context__ = Quiet(error)
    assert found_in(error, [MARK]) == [".args[0][0]"]


def test_it_looks_no_deeper_than_told() -> None:
    nested: object = MARK
    for _ in range(5):
        nested = [nested]
    assert found_in(nested, [MARK], deepest=4) == []
    assert found_in(nested, [MARK], deepest=5) == ["[0][0][0][0][0]"]


def test_the_variables_of_frames_are_no_find() -> None:
    def fail(secret: str) -> None:
        raise Quiet(len(secret))

    with pytest.raises(Quiet) as caught:
        fail(MARK)
    assert found_in(caught.value, [MARK]) == []


def test_an_iterator_is_not_used_up() -> None:
    numbers: Iterator[int] = iter([1, 2])
    assert found_in([numbers, sys], [MARK]) == []
    assert list(numbers) == [1, 2]
