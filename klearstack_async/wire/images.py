"""Reading the picture of a page, however the service hands it over.

That endpoint's answer isn't documented. It may be the picture itself, JSON with the picture in
base64, or JSON with the address of the picture.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from klearstack_async.errors import DecodeError
from klearstack_async.models import PageImage
from klearstack_async.wire.confirmation import answer_in, reject_if_no
from klearstack_async.wire.reply import Reply, refusal

__all__ = ["ImageAddress", "decode_image", "decode_image_file"]

# How files of each kind begin.
_KINDS: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}
# A JPEG in base64 begins with `/9j/`.
_ADDRESS = re.compile(r"https?://[^\s/]\S*|/(?!9j/)[^\s/]\S*", re.IGNORECASE)
_MOST_ADDRESS_CHARACTERS = 4000
_DATA_URI = re.compile(r"data:([\w.+/-]*)(?:;[\w.=+-]+)*;base64,", re.IGNORECASE)
_FEWEST_CHARACTERS = 32
_URL_SAFE = str.maketrans("-_", "+/")
# What begins like this is a text, whatever its media type says.
_TEXT = re.compile(rb"\s*[\[{\"]|[\s\x20-\x7e]{32}|[\s\x20-\x7e]*\Z")


@dataclass(frozen=True, slots=True)
class ImageAddress:
    """Where the picture is: a whole address, or a path below the host."""

    url: str


def decode_image(reply: Reply) -> PageImage | ImageAddress:
    """Read the answer of the endpoint."""
    found = _image(reply.body) or _declared(reply)
    if found is not None:
        return found
    answer = answer_in(reply)
    strings = list(dict.fromkeys(_strings(answer)))
    pictures = [picture for picture in map(_from_base64, strings) if picture is not None]
    addresses = [ImageAddress(text) for text in strings if _is_address(text)]
    candidates: list[PageImage | ImageAddress] = [*pictures] or [*addresses]
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        reject_if_no(reply, answer)
    how_many = "no image" if not candidates else f"{len(candidates)} images; pass page="
    raise refusal(DecodeError, f"the answer holds {how_many}", reply)


def decode_image_file(reply: Reply) -> PageImage:
    """Read what stands at the picture's own address."""
    found = _image(reply.body) or _declared(reply)
    if found is None:
        raise refusal(DecodeError, "what stands at the image's address is no image", reply)
    return found


def _image(data: bytes) -> PageImage | None:
    for start, kind in _KINDS.items():
        if data.startswith(start):
            return PageImage(data, kind)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return PageImage(data, "image/webp")
    return None


def _declared(reply: Reply) -> PageImage | None:
    """Take the server's word for a kind of image that isn't known by its start."""
    media_type = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not media_type.startswith("image/"):
        return None
    # Of the images only SVG is text.
    is_text = _TEXT.match(reply.body) is not None
    is_svg = "svg" in media_type and reply.body.lstrip().startswith((b"<svg", b"<?xml"))
    return PageImage(reply.body, media_type) if is_svg or not is_text else None


def _from_base64(text: str) -> PageImage | None:
    prefix = _DATA_URI.match(text)
    coded = "".join((text[prefix.end() :] if prefix else text).split())
    if len(coded) < _FEWEST_CHARACTERS:
        return None
    coded = coded.translate(_URL_SAFE).rstrip("=")
    try:
        data = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    media_type = prefix[1].lower() if prefix else ""
    return _image(data) or (PageImage(data, media_type) if media_type[:6] == "image/" else None)


def _is_address(text: str) -> bool:
    if len(text) > _MOST_ADDRESS_CHARACTERS or not _ADDRESS.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    # Credentials in an address are no business of ours.
    return port != 0 and "@" not in parts.netloc


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
