"""Whether a sentence of the service says yes or no.

The vendor documents a handful of sentences, and its servers know more. A wrong yes hides a loss,
so doubt is neither yes nor no.
"""

from __future__ import annotations

import re

__all__ = ["DOCUMENTED_REFUSALS", "is_documented_refusal", "verdict_of"]

# Lower case, without the full stop.
DOCUMENTED_REFUSALS = frozenset(
    {
        "document id not found",
        "document is already approved",
        "document is already rejected",
        "forbidden: client error",
        "incorrect username or password",
        "please provide password",
        "please provide username",
        "server error",
        "something went wrong. please try again later",
    }
)

# What is longer than this is a page, of which a single word says nothing good.
_MOST_CHARACTERS = 1000

_TROUBLE = r"(?:errors?|fail(?:ures?|ed)|warnings?|exceptions?|problems?|issues?|invalid|missing)"
# 0 errors, no failures, without any problems; errors: 0, failed = none
_HARMLESS = re.compile(
    rf"(?<![\d.,])\b(?:0|no|zero|without(?: any)?)\s+{_TROUBLE}\b"
    rf"|\b{_TROUBLE}(?: count)?\s*[:=]\s*(?:0(?![\d.])|none\b|null\b|\[\])",
    re.IGNORECASE,
)
# A name in quotes may hold any word; an apostrophe is no quote.
_QUOTED = re.compile(r"""(?<!\w)'[^']*'(?!\w)|"[^"]*\"""")

_NO = re.compile(
    r"unsuccess|\bnot\b|not ?found|n['\u2019]t\b|\b(?:ca|wo|do|does|did|is|was|could)nt\b"
    # `No. 12 updated` begins with a number.
    r"|^\W*(?:nothing|none|zero|no(?!\W*\d)|0 (?:rows?|records?|documents?|items?))\b"
    r"|\bno (?:such|documents?|records?|data|rows?|files?|access|permission)\b"
    r"|\bfail(?:s|ed|ures?|ing)?\b|\berrors?\b|\binvalid|\bincorrect|\bdenied\b|\bforbidden\b"
    r"|\bunable\b|\bcannot\b|\balready\b|\bunauthori[sz]ed\b|\brefused\b|\baborted\b"
    r"|\bsuccess\w*\W{1,4}(?:false|no|none|null|0)\b|^\W*(?:false|0)\W*$",
    re.IGNORECASE,
)
_YES = re.compile(
    r"\bsuccess(?!or|ion|ive)|\bsucceeded\b|^\W*(?:true|ok|okay|done|yes|1)\W*$|^ok\b"
    r"|(?<!\bbe )\b(?:updated|inserted|appended|submitted|created|added|saved|accepted)\W*$",
    re.IGNORECASE,
)
_COMPLAINT = re.compile(
    r"\bplease\b|\bwrong\b|\bmissing\b|\bunknown\b|\brequired\b|\bexpired\b|\bexceed"
    r"|\bexists?\b|\bduplicate|\bunsupported\b|\bunavailable\b|\btime(?:d )? ?out\b"
    r"|\bmust\b|\bonly\b|\btoo (?:large|long|big|many|small)\b|\bbad request\b"
    r"|\binsufficient\b|\bexception\b|\btry again\b|\bsorry\b|\blocked\b|\bdisabled\b",
    re.IGNORECASE,
)
# The first that is found in a sentence decides: a complaint counts only where all didn't go well.
_VERDICTS = ((_NO, False), (_YES, True), (_COMPLAINT, False))


def verdict_of(sentence: str) -> bool | None:
    """Tell whether a sentence of the service says yes or no; None if it says neither."""
    start = sentence[:_MOST_CHARACTERS]
    # A single word may be a code: NOT_FOUND.
    said = _HARMLESS.sub(" ", start if " " in start.strip() else re.sub("[_-]", " ", start))
    verdict = _judged(said)
    if verdict is False and _judged(_QUOTED.sub(" ", said)):
        # Datasource 'Missing invoices' created successfully
        verdict = True
    return None if verdict and len(sentence) > _MOST_CHARACTERS else verdict


def is_documented_refusal(text: str) -> bool:
    """Tell whether a text is one of the refusals that the vendor documents."""
    return text.strip(" \t\r\n.\"'").lower() in DOCUMENTED_REFUSALS


def _judged(said: str) -> bool | None:
    return next((yes for pattern, yes in _VERDICTS if pattern.search(said)), None)
