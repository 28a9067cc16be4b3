"""A call as a value: what to send, and how to read the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from klearstack_async.document import Document
from klearstack_async.wire.endpoint import Endpoint
from klearstack_async.wire.form import FormValue
from klearstack_async.wire.reply import Reply
from klearstack_async.wire.source import Source

__all__ = ["FilePart", "Gathering", "Request"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Gathering(Protocol[T_co]):
    """Decodes one answer while it arrives."""

    def feed(self, piece: bytes | memoryview, /) -> Sequence[Document]:
        """Take a piece of the body in; give the documents that are to be handed on at once."""

    def end(self, reply: Reply, /) -> T_co:
        """Give what is left once all has arrived; the reply's own body is empty.

        Raises:
            KlearStackError: What decoding the whole body would raise.
        """


@dataclass(frozen=True, slots=True)
class FilePart:
    """The one file of a multipart form.

    Attributes:
        field_name: The form field, `file` in most endpoints.
        source: What to send.
        content_type: Its media type.
    """

    field_name: str
    source: Source
    content_type: str


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One call, without the credentials: those are added when it is sent.

    Attributes:
        endpoint: Where to.
        fields: The form's fields. Not shown by `repr`: a refresh token may be among them.
        decode: Reads the value out of an answer that was not a refusal; a function of the reply and
            nothing else, which runs in a thread of its own if the answer is large.
        file: The file to send along, or None.
        gather: Makes what reads an answer while it arrives, if it is large; None if only `decode`
            can read it.
    """

    endpoint: Endpoint
    fields: Mapping[str, FormValue] = field(repr=False)
    decode: Callable[[Reply], T] = field(repr=False)
    file: FilePart | None = None
    gather: Callable[[], Gathering[T]] | None = field(default=None, repr=False)
