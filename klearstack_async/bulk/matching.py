"""Which document of a batch is which source's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from klearstack_async.bulk.item import Item, Parcel
from klearstack_async.bulk.naming import is_of_another, name_key
from klearstack_async.document import Document

__all__ = ["Matched", "match"]


class Matched(NamedTuple):
    """What belongs to whom.

    Attributes:
        of_items: The documents of each of the parcel's sources, in the order of its items.
        unmatched: What belongs to nobody.
    """

    of_items: Sequence[tuple[Item, tuple[Document, ...]]]
    unmatched: tuple[Document, ...]


def match(
    parcel: Parcel, documents: Sequence[Document], *, file_name: str | None = None
) -> Matched:
    """Tie documents to sources by the names under which those were sent.

    What comes for a single source is its own, whatever it is called, unless by the name of another
    source of the same run. In a bundle the name alone decides: neither the order nor what is left
    over says anything for sure.

    Args:
        parcel: What was sent.
        documents: What came.
        file_name: The name of documents that don't say it themselves, if it is known otherwise.
    """
    unmatched: list[Document] = []
    if parcel.is_single:
        own: list[Document] = []
        for document in documents:
            called = document.file_name or file_name or ""
            (unmatched if is_of_another(called, parcel.names[0]) else own).append(document)
        return Matched([(item, tuple(own)) for item in parcel.items], tuple(unmatched))
    found: dict[str, list[Document]] = {name_key(name): [] for name in parcel.names}
    for document in documents:
        name = document.file_name or file_name
        found.get(name_key(name) if name else "", unmatched).append(document)
    of_items = [(item, tuple(found[name_key(item.remote_name)])) for item in parcel.items]
    return Matched(of_items, tuple(unmatched))
