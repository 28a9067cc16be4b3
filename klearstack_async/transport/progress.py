"""How far one attempt of a call has come, while it is made."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Progress"]


@dataclass(slots=True)
class Progress:
    """Written by the edge as it goes, read by the carrier when an attempt has ended.

    Attributes:
        begun: Whether the body has begun to go out: a source that can be read once is used up then.
        sent_whole: Whether the body's last byte was handed to the connection, or the service said
            that it is done. Before that, it can't have carried the call out.
        sent_bytes: How much of the body was handed over.
        status: The answer's status, from the moment its head arrived.
        received_bytes: How much of the answer's body has come.
        handed_on: Whether a part of what it brought was given to the user: then it can't be
            repeated, because that part would come twice.
    """

    begun: bool = False
    sent_whole: bool = False
    sent_bytes: int = 0
    status: int | None = None
    received_bytes: int = 0
    handed_on: bool = False
