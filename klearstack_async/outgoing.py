"""What one account's calls send: the form with the credentials, the headers, and what is secret."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from klearstack_async.limits import Timeouts
from klearstack_async.settings import Account, Encoding
from klearstack_async.transport.body import UNWATCHED_BYTES, Body, body_of
from klearstack_async.transport.progress import Progress
from klearstack_async.transport.small import JoinedForm
from klearstack_async.wire.endpoint import Credentials, Endpoint
from klearstack_async.wire.form import FormValue, JsonText, renamed
from klearstack_async.wire.prepared import PreparedForm
from klearstack_async.wire.request import FilePart, Request

__all__ = ["Outgoing", "headers_with"]

# Fields that are secrets whichever call they are in.
_SECRET_FIELDS = ("password", "refresh_token")


class Outgoing:
    """Makes what one account's calls send."""

    def __init__(self, account: Account, encoding: Encoding) -> None:
        """Remember what is the same for all.

        Args:
            account: Whose calls these are.
            encoding: How forms without a file are written, unless their endpoint says otherwise.
        """
        self._account = account
        self._encoding = encoding
        self._prepared: dict[Credentials, PreparedForm] = {}

    async def body(
        self, request: Request[Any], endpoint: Endpoint, timeouts: Timeouts, progress: Progress
    ) -> Body:
        """Make the body of one attempt.

        Raises:
            OSError, ValueError: A file can't be opened, or is empty.
        """
        encoding = endpoint.encoding or self._encoding
        if request.file is None and not endpoint.parameters and encoding == Encoding.MULTIPART:
            form = self._prepared_form(endpoint.credentials).form(request.fields)
            if form is not None and len(form[0]) <= UNWATCHED_BYTES:
                return JoinedForm(*form)
        fields = {**self._credentials(endpoint.credentials), **request.fields}
        return await body_of(
            _renamed(fields, endpoint),
            _renamed_file(request.file, fields, endpoint),
            progress,
            encoding=encoding,
            stall_seconds=timeouts.stall_seconds,
        )

    def secrets(
        self, request: Request[Any], endpoint: Endpoint, token: str | None
    ) -> tuple[str, ...]:
        """Say what must not get into a message about a call."""
        names: tuple[str, ...] = _SECRET_FIELDS
        if endpoint.credentials is Credentials.COMPANY and not endpoint.bearer:
            # Where it is all that a login takes, a user's id is as good as a password.
            names = (*names, "user_id")
        return self._account.password, token or "", *_texts_called(names, request.fields)

    def _prepared_form(self, which: Credentials) -> PreparedForm:
        prepared = self._prepared.get(which)
        if prepared is None:
            prepared = self._prepared[which] = PreparedForm(self._credentials(which))
        return prepared

    def _credentials(self, which: Credentials) -> dict[str, FormValue]:
        names = which.split(", ") if which else []
        return {name: str(getattr(self._account, name)) for name in names}


def headers_with(token: str | None, *, accept: str = "application/json, */*") -> dict[str, str]:
    """Give the headers of a call, with its token or without."""
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    return {"Accept": accept, **bearer}


def _texts_called(names: Collection[str], fields: Mapping[str, Any]) -> Iterator[str]:
    """Give the texts that stand under these names, in any casing, also in an object."""
    for name, value in fields.items():
        inner = value.value if isinstance(value, JsonText) else value
        if isinstance(inner, Mapping):
            yield from _texts_called(names, inner)
        elif str(name).lower() in names:
            yield str(inner)


def _renamed(fields: Mapping[str, FormValue], endpoint: Endpoint) -> dict[str, FormValue]:
    try:
        return renamed(fields, endpoint.parameters)
    except ValueError as error:
        raise ValueError(f"{endpoint.name}: {error}") from None


def _renamed_file(
    file: FilePart | None, fields: Mapping[str, FormValue], endpoint: Endpoint
) -> FilePart | None:
    if file is None or file.field_name not in endpoint.parameters:
        return file
    name = endpoint.parameters[file.field_name]
    if not name or name in _renamed(fields, endpoint):
        raise ValueError(
            f"{endpoint.name}: its file can't be sent as {name!r}; see its parameters="
        )
    return dataclasses.replace(file, field_name=name)
