"""Reading the receipt of an upload, whose batch id stands under one of several keys."""

from __future__ import annotations

from typing import Any

import msgspec

from klearstack_async.errors import DecodeError
from klearstack_async.models import Upload
from klearstack_async.wire.reply import Reply, decode_json, refusal, reject_if_refused

__all__ = ["BATCH_ID_KEYS", "decode_upload"]

# The first two are documented (single document, archive), the others were seen by an integrator.
BATCH_ID_KEYS = ("OCR_ref_no", "Function successfully executed!", "OCR_ext_no", "batch_id")

_OBJECT = msgspec.json.Decoder(dict[str, Any])


def decode_upload(reply: Reply) -> Upload:
    """Read the receipt of a document or of an archive."""
    answer = decode_json(reply, _OBJECT, lambda found: _key_in(found) is not None)
    key = _key_in(answer)
    if key is None:
        reject_if_refused(reply, answer)
        raise refusal(
            DecodeError,
            f"the answer names no batch id (looked for {', '.join(BATCH_ID_KEYS)}); "
            f"it starts: {reply.excerpt()[:100]!r}",
            reply,
        )
    batch_id = str(answer.pop(key))
    reference, version = (answer.pop(k, None) for k in ("set_reference_number", "release_version"))
    return Upload(
        batch_id=batch_id,
        set_reference_number=None if reference is None else str(reference),
        release_version=None if version is None else str(version),
        extra=answer,
    )


def _key_in(answer: dict[str, Any]) -> str | None:
    """Find the key under which an id stands."""
    for key in BATCH_ID_KEYS:
        value = answer.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return key
    return None
