"""Taking secrets out of what a server said, before it becomes part of a message."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote, quote_plus

__all__ = ["cleaned", "longest_form", "one_line"]

_HIDDEN = "***"
# A token in an answer is a secret before anyone has read it: a JWT, or what stands behind a key or
# a word that says so, however often it was quoted.
_TOKENS = re.compile(
    r"""eyJ[\w-]+\.[\w-]+\.[\w-]*"""
    r"""|(?<=bearer )\S+"""
    r"""|(?P<key>(?:(?:access|refresh)_?token[\\"']*|(?<![\w-])(?:[\w-]{0,20}token|jwt|access)[\\"']+)"""
    r"""\s*[:=]\s*[\\"']*)[^\\"'&\s,}]+""",
    re.IGNORECASE,
)


def one_line(text: str, most_characters: int) -> str:
    """Make a text fit for a message: one bounded line, with nothing that steers a terminal."""
    words = " ".join(text[: 4 * most_characters].split())
    return "".join(c if c.isprintable() else "\ufffd" for c in words[:most_characters])


def cleaned(text: str, secrets: tuple[str, ...]) -> str:
    """Take every secret out of a text, however it was escaped, and what looks like a token."""
    for form in _forms(secrets):
        text = text.replace(form, _HIDDEN)
    return _TOKENS.sub(lambda found: (found["key"] or "") + _HIDDEN, text)


def longest_form(secrets: tuple[str, ...]) -> int:
    """Say how many characters the longest way to write one of the secrets has."""
    return max(map(len, _forms(secrets)), default=0)


def _forms(secrets: tuple[str, ...]) -> list[str]:
    """Give each secret in the ways in which a server may write it, the longest first."""
    forms = set()
    for secret in filter(None, secrets):
        quoted = quote(secret, safe="")
        json_forms = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        forms |= {secret, repr(secret)[1:-1], ascii(secret)[1:-1], *json_forms}
        forms.add(repr(secret.encode("utf-8", "replace"))[2:-1])
        forms |= {form.replace("/", "\\/") for form in json_forms}
        forms |= {html.escape(secret), html.escape(secret, quote=False)}
        forms |= {quoted, quoted.lower(), quote(secret), quote_plus(secret)}
    return sorted(forms, key=len, reverse=True)
