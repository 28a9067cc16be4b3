"""The forms of one account, of which the credentials are encoded once and not in each call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from secrets import token_hex

from klearstack_async.wire.form import FormValue, content_type_of, escaped, multipart_form, text_of

__all__ = ["PreparedForm"]

_escaped = lru_cache(maxsize=256)(escaped)


class PreparedForm:
    """A multipart form without a file, which begins with the same fields each time.

    Its boundary is the same each time, too; so each form is searched for it, because whoever has
    seen one could put it into a value.
    """

    __slots__ = ("_boundary", "_content_type", "_end", "_names", "_opening", "_start")

    def __init__(self, fields: Mapping[str, FormValue]) -> None:
        """Encode the fields with which each form begins."""
        self._boundary = token_hex(16)
        self._names = frozenset(fields)
        self._end = f"--{self._boundary}--\r\n"
        self._start = multipart_form(fields, self._boundary).removesuffix(self._end.encode())
        self._opening = f'--{self._boundary}\r\nContent-Disposition: form-data; name="'
        self._content_type = content_type_of(self._boundary)

    def form(self, fields: Mapping[str, FormValue]) -> tuple[bytes, str] | None:
        """Encode a form of which these are the other fields.

        Returns:
            The body and its `Content-Type`; None if this form can't be made in this way, because a
            field takes the place of one of the first, or holds the boundary.
        """
        opening = self._opening
        parts = [
            f'{opening}{_escaped(name)}"\r\n\r\n{text_of(value)}\r\n'
            for name, value in fields.items()
        ]
        rest = "".join(parts)
        if not self._names.isdisjoint(fields) or rest.count(self._boundary) != len(parts):
            return None
        return self._start + (rest + self._end).encode("utf-8", "replace"), self._content_type
