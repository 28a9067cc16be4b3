"""From a request's headers and body to the push that it is, or to the error that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from klearstack_async.document import Document
from klearstack_async.errors import WebhookError
from klearstack_async.webhooks.content import document_in, key_of
from klearstack_async.webhooks.form import Value, as_sent, fields_of, json_of, text_of
from klearstack_async.webhooks.headers import Headers, header_values
from klearstack_async.webhooks.refusal import described, refusal, too_large
from klearstack_async.webhooks.sender import Sender

__all__ = ["Push", "parse_push"]

# The vendor's table has the first, its sample the second.
_ID_NAMES = ("Document_id", "document_id")
_CREDENTIALS = ("company_name", "username", "password")
_OURS = frozenset({"batch_id", "document_type", "file_name", "data", *_ID_NAMES, "company_name"})
# These are never handed on, in whatever casing they come.
_WITHHELD = frozenset({"username", "password"})


@dataclass(frozen=True, slots=True)
class Push:
    """One document that KlearStack sent by itself.

    Attributes:
        batch_id: The batch that it belongs to.
        document_id: The service's id of the document.
        document: What was read from it; one that could not be read says why in
            `document.failure`. Where it doesn't say its id, name and type itself, it has these from
            the fields beside it.
        key: Tells whether two pushes are the same: it is when batch, document and what the
            document says are, in whatever encoding they came; any change in the document's data
            makes another. ASCII, without spaces, 255 characters at most: fit for a unique column.
            What stands before its last slash is the same for all contents of a document.
        document_type: Such as `Invoices`, or None if neither the push nor its document says it.
        file_name: The name under which it was uploaded, or None likewise.
        company_name: Whose it is, or None if the push doesn't say.
        extra: What else was sent, unchanged; text, or anything that JSON can hold, or bytes that
            are no text. The endpoint's username and password are not kept.
    """

    batch_id: str
    document_id: str
    document: Document
    key: str
    document_type: str | None = None
    file_name: str | None = None
    company_name: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parse_push(
    headers: Headers,
    body: bytes,
    *,
    token: str | None = None,
    username: str | None = None,
    password: str | None = None,
    company_name: str | None = None,
    max_bytes: int = 32 << 20,
    unverified: bool = False,
) -> Push:
    """Verify and read a push.

    Everything that is given is checked; nothing of the body is looked at before the token is
    right. The same push may come again: `Push.key` tells. A usual push takes less than 1 ms, a
    large one about 0.2 s per MB and ten times its size in memory: hand such to a thread.

    Args:
        headers: The request's headers, in any casing: a mapping, or pairs of text or bytes.
        body: The request's body, all of it, as it came.
        token: The Bearer token that KlearStack was told to send.
        username: The username that it was told to send among the fields.
        password: The password likewise.
        company_name: The company name likewise. It and the username are no secrets, and prove
            nothing by themselves.
        max_bytes: The largest body to accept; 32 MiB. The server that hands over the body needs a
            limit of its own, since by now it is in memory.
        unverified: Accept a push from anybody: only where neither token nor password is given,
            because somebody else has checked.

    Returns:
        The push. Its endpoint credentials are not in it.

    Raises:
        WebhookError: It can't be accepted; `status` is the HTTP status to answer it with. Nothing
            else comes out, whatever the body holds.
        ValueError: There is nothing to verify it by, and `unverified` isn't set.

    Source: the vendor's page "Push API structure".
    """
    given = zip(_CREDENTIALS, (company_name, username, password), strict=True)
    sender = Sender(token, {name: text for name, text in given if text is not None})
    sender.refuse_misuse(unverified=unverified)
    if len(body) > max_bytes:
        raise too_large(len(body), max_bytes)
    found = header_values(headers)
    sender.check_token(found.get("authorization", []))
    tokens = (value.rpartition(" ")[2] for value in found.get("authorization", []))
    secrets = [*sender.secrets(), *tokens]
    try:
        fields = fields_of(found.get("content-type", []), body)
        credentials = {name: text_of(fields[name]) for name in _CREDENTIALS if name in fields}
        secrets.append(credentials.get("password", ""))
        sender.check_credentials(credentials)
        return _push(fields)
    except WebhookError as error:
        described(error, body, tuple(secrets))
        raise


def _push(fields: Mapping[str, Value]) -> Push:
    texts = {name: text_of(fields[name]) for name in _OURS - {"data"} if name in fields}
    ids = {texts[name] for name in _ID_NAMES if texts.get(name)}
    if len(ids) > 1:
        raise refusal(400, "Document_id and document_id are both there, and differ")
    data = json_of(fields.get("data", b""))
    # The document itself may bring its id.
    _refuse_missing({"batch_id": texts.get("batch_id"), "document_id": ids or data, "data": data})
    document, digest = document_in(data)
    # Not the one that is given, which would keep all that was read of it.
    said = document.with_answer({})
    document_id = ids.pop() if ids else said.document_id
    _refuse_missing({"document_id": document_id})
    about = {
        "document_id": document_id,
        "file_name": texts.get("file_name"),
        "document_type": texts.get("document_type"),
    }
    return Push(
        batch_id=texts["batch_id"],
        document_id=str(document_id),
        document=document.with_answer(
            {name: text for name, text in about.items() if text and getattr(said, name) is None}
        ),
        key=key_of(texts["batch_id"], str(document_id), digest),
        document_type=about["document_type"] or said.document_type,
        file_name=about["file_name"] or said.file_name,
        company_name=texts.get("company_name") or None,
        extra={
            name: as_sent(value)
            for name, value in fields.items()
            if name not in _OURS and name.strip().lower() not in _WITHHELD
        },
    )


def _refuse_missing(values: Mapping[str, object]) -> None:
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise refusal(
            422,
            f"not a push: {' and '.join(missing)} missing; if this is another kind of request, "
            "it needs an address of its own",
        )
