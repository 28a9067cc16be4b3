"""Speaking about a request that is refused, without repeating a secret that it brought."""

from __future__ import annotations

import re

from klearstack_async.errors import WebhookError
from klearstack_async.wire.redaction import cleaned, one_line
from klearstack_async.wire.reply import Reply

__all__ = ["described", "refusal", "too_large"]

_QUOTED_CHARACTERS = 100
_WINDOW_BYTES = 1 << 16
# Who can't be let in may have sent a password that nobody here knows, such as last year's. In
# every encoding its value stands behind its name, so the excerpt ends at the name; and where a
# plain letter is escaped, which no honest sender does, because that may be the name in disguise.
_HIDDEN_FROM = re.compile(r"passw|(?:%|\\u00)(?:[46][1-9a-f]|[57][0-9a])", re.IGNORECASE)


def refusal(status: int, message: str, *, quoted: str = "") -> WebhookError:
    """Make the error that says why a request is refused.

    Args:
        status: The HTTP status to answer it with.
        message: In our own words, with `{}` where something that was sent is quoted.
        quoted: That; `described` puts it there.
    """
    error = WebhookError(message, endpoint="webhooks.parse_push", status=status)
    if quoted:
        error.args = (message, quoted)
    return error


def too_large(size_bytes: int | None, max_bytes: int) -> WebhookError:
    """Make the error that says that a body is larger than is allowed; None if it had no end yet."""
    size = "more" if size_bytes is None else f"{size_bytes} bytes"
    return refusal(
        413,
        f"the body has {size}, and {max_bytes} are allowed; if documents may be that large, "
        "raise max_bytes",
    )


def described(error: WebhookError, body: bytes, secrets: tuple[str, ...]) -> WebhookError:
    """Add the start of the body to an error, without secrets; what is quoted loses them, too.

    Our own words are left alone: whoever sends their letters as a secret would take them out.
    """
    message, *quoted = map(str, error.args)
    for text in quoted:
        shown = one_line(cleaned(text, secrets), _QUOTED_CHARACTERS)
        message = message.format(repr(shown))
    error.args = (message,)
    if error.status not in {401, 413}:
        # A stranger's text has no business in our logs.
        error.excerpt = _excerpt(body, secrets)
    return error


def _excerpt(body: bytes, secrets: tuple[str, ...]) -> str:
    # Without NULs, a text in UTF-16 reads like any other, and hides nothing.
    readable = body[:_WINDOW_BYTES].replace(b"\0", b"")
    text = Reply(200, {}, readable, secrets=secrets).excerpt()
    found = _HIDDEN_FROM.search(text)
    return f"{text[: found.start()]}***" if found else text
