"""Reading XML that nobody vouches for, as it arrives: bytes in, calls to a handler out.

Nothing is built up in memory, and what makes XML dangerous is refused: document types (and with
them entities of every kind), endless nesting, endless tags. Knows nothing of what the XML means.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from xml.parsers import expat

_MAX_DEPTH = 100
# Of a tag or comment that isn't complete, expat scans the beginning again with each chunk.
_MAX_TOKEN_BYTES = 4 << 20


class XmlError(Exception):
    """The XML is refused; the text says why."""


class Handler:
    """What is called for what is found; this one passes over everything.

    Names come without their namespaces.
    """

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""

    def end(self, name: str) -> None:
        """Take the end of an element."""

    def text(self, text: str) -> None:
        """Take a piece of text; there may be several in a row."""


def feed_xml(chunks: Iterable[bytes], handler: Handler) -> Generator[int]:
    """Parse chunks, and yield after each how many elements have begun so far.

    So the caller can take what was found, or has enough of it.

    Raises:
        XmlError: It isn't well-formed, or dangerous.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth += 1
        count += 1
        if depth > _MAX_DEPTH:
            raise XmlError(f"its elements are nested more than {_MAX_DEPTH} deep")
        handler.start(_local(name), {_local(key): text for key, text in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(_local(name))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = _refuse_document_type
    fed_bytes = 0
    for chunk in chunks:
        _parse(parser, chunk, is_final=False)
        fed_bytes += len(chunk)
        if fed_bytes - max(parser.CurrentByteIndex, 0) > _MAX_TOKEN_BYTES + len(chunk):
            raise XmlError(f"it has a tag or comment of more than {_MAX_TOKEN_BYTES} bytes")
        yield count
    _parse(parser, b"", is_final=True)
    yield count


def _parse(parser: expat.XMLParserType, chunk: bytes, *, is_final: bool) -> None:
    try:
        parser.Parse(chunk, is_final)
    except expat.ExpatError as error:
        raise XmlError(f"it is not well-formed XML ({error})") from error
    except (LookupError, ValueError) as error:  # an encoding nobody knows, or that isn't plain
        raise XmlError("its XML is of an unknown encoding") from error


def _refuse_document_type(*_: object) -> None:
    raise XmlError("it declares a document type, which workbooks never do")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
