"""Reading the answers of endpoints that change something: did it say yes?

The service says it in an object, a bare quoted sentence or plain text, and some of its refusals
come with status 200. A sentence that says no is an error; one that says neither is an error only
where the vendor documents what yes looks like. Which sentence says what is said in `verdict.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from klearstack_async.errors import DecodeError, Rejected
from klearstack_async.keyed import BOM, take_text, value_of, value_or_text
from klearstack_async.models import BoxText, Confirmation
from klearstack_async.wire.reply import Reply, json_values, refusal, reject_web_page
from klearstack_async.wire.verdict import is_documented_refusal, verdict_of

__all__ = ["answer_in", "confirmation_decoder", "decode_box_text", "reject_if_no", "verdict_of"]

# JSON that was cut off, and no sentence.
_BEGUN = re.compile(r"\{|\[\s*$|\[\s*[\[{\"]")
_BEGUN_INSIDE = re.compile(r"\{\s*\"|\[\s*[\[{\"]|<")
_TEXT_KEYS = ("text", "ocr_text", "value", "result", "data")
_SENTENCE_KEYS = ("message", "msg", "detail", "status", "result")
# What a key called `error` may hold although there is none.
_NO_ERROR = frozenset({"", "0", "false", "no", "no error", "no errors", "none", "null"})
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class _Said(NamedTuple):
    yes: bool | None
    message: str | None
    extra: dict[str, Any]


def confirmation_decoder(*, documented: bool) -> Callable[[Reply], Confirmation]:
    """Make the decoder of an endpoint that answers yes or no.

    Args:
        documented: Whether the vendor says what a yes looks like; then anything else is none.
    """
    return partial(_confirmation, documented=documented)


def answer_in(
    reply: Reply, fits: Callable[[Any], bool] = lambda found: isinstance(found, dict)
) -> Any:
    """Give what a body of any kind holds: JSON, or else its text.

    Args:
        reply: The answer.
        fits: Tells the answer from other JSON that may stand in a text.

    Raises:
        DecodeError: It is a web page, or JSON that was cut off.
    """
    body = reply.body.removeprefix(BOM).strip()
    try:
        return value_of(body)
    except ValueError:
        text = body.decode("utf-8", "replace")
    if text.startswith("<"):
        # Not judged by its content type: some servers send every text as HTML.
        reject_web_page(reply)
    for found in map(value_or_text, json_values(text) if "{" in text else ()):
        if fits(found):
            return found
    if _BEGUN.match(text):
        raise refusal(DecodeError, f"the answer is broken JSON: {reply.excerpt()[:100]!r}", reply)
    return text


def reject_if_no(reply: Reply, answer: Any) -> None:
    """Raise `Rejected` if an answer says no, in an object or a sentence."""
    said = _said_by(answer)
    if said.yes is False:
        raise refusal(Rejected, f"the service says: {said.message or reply.excerpt()}", reply)


def decode_box_text(reply: Reply) -> BoxText:
    """Read what stands in a box.

    Any text may stand there, so only the sentences that the vendor documents are refusals.
    """
    answer = answer_in(reply, _tells_text)
    if isinstance(answer, dict):
        extra = dict(answer)
        key = next((key for key in _TEXT_KEYS if isinstance(extra.get(key), str)), None)
        # Where there is a text, `status` and the like are about it.
        flags = {k: v for k, v in extra.items() if k.lower() in {"error", "success"}}
        reject_if_no(reply, flags if key else extra)
        return BoxText(extra.pop(key) if key else None, extra)
    if answer is None or isinstance(answer, list):
        return BoxText(None, {"answer": answer})
    # A number is what stands in the box, with each of its zeros.
    text = answer if isinstance(answer, str) else reply.body.decode("utf-8", "replace").strip()
    if is_documented_refusal(text):
        raise refusal(Rejected, f"the service says: {text}", reply)
    return BoxText(text)


def _tells_text(found: Any) -> bool:
    keys = {"error", "success", *_TEXT_KEYS}
    return isinstance(found, dict) and not keys.isdisjoint(found)


def _confirmation(reply: Reply, *, documented: bool) -> Confirmation:
    answer = answer_in(reply, lambda found: _said_by(found).yes is not None)
    said = _said_by(answer)
    if isinstance(answer, str) and said.yes is not False and _BEGUN_INSIDE.search(answer):
        raise refusal(DecodeError, f"can't read the answer: {reply.excerpt()[:100]!r}", reply)
    if said.yes is False:
        raise refusal(Rejected, f"the service says: {said.message or reply.excerpt()}", reply)
    if said.yes is None and documented:
        raise refusal(
            DecodeError, f"the answer says neither yes nor no: {reply.excerpt()[:100]!r}", reply
        )
    return Confirmation(said.message, take_text(said.extra, "release_version"), said.extra)


def _said_by(answer: Any) -> _Said:
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, dict):
        return _said_by_object(answer)
    if isinstance(answer, str):
        return _Said(verdict_of(answer), answer or None, {})
    if isinstance(answer, bool) or (isinstance(answer, int) and answer in {0, 1}):
        return _Said(bool(answer), None, {})
    return _Said(None, None, {"answer": answer})


def _said_by_object(answer: Mapping[str, Any]) -> _Said:
    extra = dict(answer)
    # The first of keys that differ only in case.
    keys = {key.lower(): key for key in reversed(extra)}
    error = next((extra[keys[k]] for k in ("error", "errors") if k in keys), None)
    if error and str(error).strip().lower() not in _NO_ERROR:
        said = None if isinstance(error, bool | int) else str(error)
        return _Said(yes=False, message=said or _sentence(extra, keys), extra=extra)
    success = extra.get(keys.get("success", ""))
    if isinstance(success, str) and success.strip().lower() in _FLAGS:
        success = _FLAGS[success.strip().lower()]
    if isinstance(success, str) and success.strip():
        del extra[keys["success"]]
        # Under this key every sentence says yes that doesn't say no.
        return _Said(verdict_of(success) is not False, success, extra)
    if isinstance(success, bool | int):
        if success in {0, 1}:
            del extra[keys["success"]]
        message = _sentence(extra, keys)
        # A yes beside a sentence that is known as a no is none.
        contradicted = message is not None and is_documented_refusal(message)
        return _Said(bool(success) and not contradicted, message, extra)
    return _said_by_sentences(extra, keys)


def _said_by_sentences(extra: dict[str, Any], keys: Mapping[str, str]) -> _Said:
    there = [keys[k] for k in _SENTENCE_KEYS if k in keys]
    verdicts = {key: _verdict(extra[key]) for key in there}
    key = next((key for key in there if verdicts[key] is not None), None)
    key = key or next((key for key in there if isinstance(extra[key], str)), None)
    if key is None:
        return _Said(None, None, extra)
    said = extra[key]
    return _Said(verdicts[key], extra.pop(key) if isinstance(said, str) else None, extra)


def _verdict(value: Any) -> bool | None:
    if isinstance(value, str):
        return verdict_of(value)
    return value if isinstance(value, bool) else None


def _sentence(extra: dict[str, Any], keys: Mapping[str, str]) -> str | None:
    """Take the sentence that goes with a flag."""
    key = keys.get("message", "")
    return extra.pop(key) if isinstance(extra.get(key), str) else None
