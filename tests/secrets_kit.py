"""Looking for secrets wherever an object may show them, in any notation.

Written without a look at `klearstack_async.wire.redaction`, so that the one can be checked with the
other: here a text is decoded as a whole, by the standard library where it can.
"""

from __future__ import annotations

import base64
import html
import logging
import re
import traceback
import types
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, unquote_plus

__all__ = ["found_in", "says"]

_MOST_READINGS = 200
_MOST_OBJECTS = 50_000
# Code isn't data, and what a frame holds isn't shown by anything that prints an error.
_CODE = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.CodeType,
    types.FrameType,
    types.TracebackType,
)
_PLAIN = (type(None), bool, int, float, complex)
_TEXTS = (str, bytes, bytearray, memoryview)
_ITEMS = (list, tuple, set, frozenset, deque)

_Found = Iterator[tuple[str, Any]]


def found_in(
    obj: Any, marks: Iterable[str], *, allowed: tuple[type, ...] = (), deepest: int = 12
) -> list[str]:
    """Say where in an object, and in all that hangs on it, a secret can be seen.

    Texts and bytes are read in every notation (`says`). Of any other object: its `str()` and
    `repr()`, attributes and slots, items, keys; of an error also its notes, its cause and context,
    and the traceback as it is printed, without the frames' variables; of a log record its message;
    of a span its name, attributes, events, links and status. No iterator is used up.

    Args:
        obj: Where to look.
        marks: The secrets.
        allowed: What may hold a secret. It still must not show one in its `str()` or `repr()`.
        deepest: How many steps away to look.

    Returns:
        The paths, such as `.__cause__.args[0]`, each once; empty if there is no secret.

    Raises:
        RuntimeError: There is too much to look at all of it.
    """
    wanted = frozenset(_squeezed(mark) for mark in marks if mark)
    paths: dict[str, None] = {}
    # Kept, so that no other object gets the same id.
    seen: dict[int, Any] = {}
    waiting = deque([("", obj, 0)])
    while waiting:
        path, here, depth = waiting.popleft()
        if isinstance(here, _TEXTS):
            text = here if isinstance(here, str) else bytes(here).decode("latin-1")
            if _says_any(text, wanted):
                paths[path or "."] = None
            continue
        if id(here) in seen or isinstance(here, (*_PLAIN, *_CODE)):
            continue
        seen[id(here)] = here
        if len(seen) > _MOST_OBJECTS:
            raise RuntimeError(f"more than {_MOST_OBJECTS} objects; what is {path}?")
        parts = list(_shown(here))
        if depth < deepest and not isinstance(here, allowed or ()):
            parts += _held(here)
        waiting.extend((path + step, part, depth + 1) for step, part in parts)
    return list(paths)


def says(text: str, mark: str) -> bool:
    """Whether a text holds a secret in any notation, case, or way to break its lines."""
    return _says_any(text, frozenset({_squeezed(mark)}))


# The same few texts stand in thousands of errors, records and spans.
@lru_cache(maxsize=1 << 14)
def _says_any(text: str, squeezed_marks: frozenset[str]) -> bool:
    # All at once: most texts can be read in hundreds of ways, few of them longer than a word.
    readings = _squeezed(_BETWEEN.join(_readings(text)))
    return any(mark in readings for mark in squeezed_marks)


# What no mark holds, and what is neither a blank nor combines with anything.
_BETWEEN = "\0"


def _squeezed(text: str) -> str:
    return re.sub(r"[\s+]+", "", unicodedata.normalize("NFC", text).casefold())


def _readings(text: str) -> Iterator[str]:
    seen = {text: None}
    runs: set[str] = set()
    waiting = deque([text])
    while waiting:
        here = waiting.popleft()
        yield here
        found = _runs_of_base64(here)
        yield from map(_out_of_base64, found - runs)
        runs |= found
        for decode in _DECODERS:
            decoded = decode(here)
            if decoded not in seen and len(seen) < _MOST_READINGS:
                seen[decoded] = None
                waiting.append(decoded)


def _unescaped(text: str) -> str:
    simple = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}

    def one(found: re.Match[str]) -> str:
        number = next(filter(None, found.groups()[:4]), "")
        if number:
            return _chr(number, 16) or found[0]
        return _chr(found[5], 8) if found[5] else simple.get(found[6], found[6])

    hexes = r"U(00[01][\da-fA-F]{5})|[uU]([\da-fA-F]{4})|[uU]\{([\da-fA-F]+)\}|[xX]([\da-fA-F]{2})"
    return _whole(re.sub(rf"(?s)\\(?:{hexes}|([0-3][0-7]{{2}})|(.))", one, text))


def _unentitied(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        if found[3]:
            named = html.unescape(found[0])
            return named if named != found[0] else html.unescape(found[0].lower())
        return (_chr(found[1], 16) if found[1] else _chr(found[2], 10)) or found[0]

    return _whole(re.sub(r"&(?:#[xX]([\da-fA-F]{1,8})|#(\d{1,12})|([a-zA-Z]\w*));", one, text))


def _chr(number: str, base: int) -> str:
    return chr(int(number, base)) if int(number, base) <= 0x10FFFF else ""


def _whole(text: str) -> str:
    """Put the halves of UTF-16 together."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unquoted_latin(text: str) -> str:
    wide = re.sub(r"(?i)%u([\da-f]{4})", lambda m: chr(int(m[1], 16)), text)
    return unquote(wide, encoding="latin-1")


def _reread(codec: str) -> Callable[[str], str]:
    """Read UTF-8 that was taken for another character set."""

    def one(found: re.Match[str]) -> str:
        raw = b"".join(c.encode("latin-1" if c < "\xa0" else codec, "ignore") for c in found[0])
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return found[0]

    return lambda text: re.sub(r"[^\x00-\x7f]+", one, text)


def _runs_of_base64(text: str) -> set[str]:
    joined = re.sub(r"(?<=[\w+/-])[\r\n]+(?=[\w+/-])", "", text)
    return set(re.findall(r"[A-Za-z0-9+/_-]{6,}", joined))


@lru_cache(maxsize=1 << 16)
def _out_of_base64(run: str) -> str:
    """Give all that it may hold, because a word may stand right before it."""
    found = []
    for start in range(4):
        part = run[start:].translate(_PLAIN_BASE64)
        # One character alone holds no byte.
        part = part[: -1 if len(part) % 4 == 1 else None]
        raw = base64.b64decode(part + "=" * (-len(part) % 4))
        found += [raw.decode("utf-8", "replace"), raw.decode("latin-1")]
    return _BETWEEN.join(found)


_PLAIN_BASE64 = str.maketrans("-_", "+/")


_DECODERS: tuple[Callable[[str], str], ...] = (
    _unescaped,
    _unentitied,
    unquote,
    unquote_plus,
    _unquoted_latin,
    _reread("latin-1"),
    _reread("cp1252"),
)


def _shown(obj: Any) -> _Found:
    """Give what is printed of an object."""
    if isinstance(obj, (Mapping, *_ITEMS)):
        # What they hold is looked at one by one.
        return
    for name, write in (("str()", str), ("repr()", repr)):
        try:
            yield f".{name}", write(obj)
        except Exception as error:  # noqa: BLE001 - whatever a foreign object does
            yield f".{name} raises", error
    if isinstance(obj, BaseException):
        yield ".traceback", "".join(traceback.format_exception(obj))
    if isinstance(obj, logging.LogRecord):
        yield ".getMessage()", obj.getMessage()
        yield ".format()", logging.Formatter().format(obj)


def _held(obj: Any) -> _Found:
    """Give what hangs on an object, each part with the step that leads to it."""
    if isinstance(obj, Mapping):
        for key, value in list(obj.items()):
            yield f".key({type(key).__name__})", key
            yield f"[{key!r}]", value
    elif isinstance(obj, _ITEMS):
        yield from ((f"[{index}]", item) for index, item in enumerate(obj))
    if isinstance(obj, BaseException):
        for name in ("args", "__cause__", "__context__", "exceptions"):
            yield f".{name}", getattr(obj, name, None)
    for name in _names(obj):
        yield from _attribute(obj, name)


def _attribute(obj: Any, name: str) -> _Found:
    try:
        yield f".{name}", getattr(obj, name)
    except AttributeError:
        # A slot that was never set.
        return
    except Exception as error:  # noqa: BLE001 - whatever a foreign property does
        yield f".{name} raises", error


# A span gives its parts by properties; these come first, so that paths have their names.
_SPAN = ("name", "attributes", "events", "links", "status", "description", "resource")


def _names(obj: Any) -> list[str]:
    """Give the names of the attributes in which an object holds something."""
    names: dict[str, None] = {}
    if type(obj).__module__.startswith("opentelemetry."):
        names |= dict.fromkeys(name for name in _SPAN if hasattr(obj, name))
    names |= dict.fromkeys(vars(obj) if hasattr(obj, "__dict__") else ())
    for kind in type(obj).__mro__:
        slots = vars(kind).get("__slots__", ())
        for slot in [slots] if isinstance(slots, str) else slots:
            private = slot.startswith("__") and not slot.endswith("__")
            names[f"_{kind.__name__.lstrip('_')}{slot}" if private else slot] = None
    for table in ("__struct_fields__", "__dataclass_fields__", "_fields"):
        names |= dict.fromkeys(getattr(type(obj), table, ()))
    return [name for name in names if name not in {"__dict__", "__weakref__"}]
