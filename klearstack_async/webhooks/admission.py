"""What a request's headers alone say against it, before anything of its body is read."""

from __future__ import annotations

from klearstack_async.errors import WebhookError
from klearstack_async.webhooks.form import check_content_type
from klearstack_async.webhooks.headers import Headers, content_length_of, header_values
from klearstack_async.webhooks.refusal import described, too_large
from klearstack_async.webhooks.sender import Sender

__all__ = ["check_headers"]


def check_headers(
    headers: Headers, *, token: str | None = None, max_bytes: int = 32 << 20
) -> int | None:
    """Refuse a push by its headers. What passes is still to be parsed, with the same token.

    Args:
        headers: The request's headers, in any casing: a mapping, or pairs of text or bytes.
        token: The Bearer token that KlearStack was told to send; None if there is none to check.
        max_bytes: The largest body to accept; 32 MiB.

    Returns:
        How long the body is going to be, in bytes; None if the headers don't say so, and then
        `max_bytes` has to be watched while it is read.

    Raises:
        WebhookError: It can't be accepted; `status` is the HTTP status to answer it with.
        ValueError: The token is empty.
    """
    sender = Sender(token, {})
    sender.refuse_misuse(unverified=True)
    found = header_values(headers)
    authorization = found.get("authorization", [])
    try:
        sender.check_token(authorization)
        check_content_type(found.get("content-type", []))
        length = content_length_of(found.get("content-length", []))
        if length is not None and length > max_bytes:
            raise too_large(length, max_bytes)
    except WebhookError as error:
        secrets = [*sender.secrets(), *(value.rpartition(" ")[2] for value in authorization)]
        described(error, b"", tuple(secrets))
        raise
    return length
