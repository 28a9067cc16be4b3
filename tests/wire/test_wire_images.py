from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from klearstack_async.errors import DecodeError, Rejected
from klearstack_async.models import PageImage
from klearstack_async.wire.images import ImageAddress, decode_image, decode_image_file
from klearstack_async.wire.reply import Reply, read

REST = bytes(range(256)) * 4
KINDS = {
    "image/png": b"\x89PNG\r\n\x1a\n" + REST,
    "image/jpeg": b"\xff\xd8\xff\xe0" + REST,
    "image/gif": b"GIF89a" + REST,
    "image/tiff": b"II*\x00" + REST,
    "image/webp": b"RIFF\x00\x00\x00\x00WEBP" + REST,
}
PNG, JPEG = KINDS["image/png"], KINDS["image/jpeg"]
PNG_TEXT, JPEG_TEXT = base64.b64encode(PNG).decode(), base64.b64encode(JPEG).decode()


def decoded(body: Any, content_type: str = "application/json") -> PageImage | ImageAddress:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": content_type} if content_type else {}
    return read(Reply(200, headers, data), decode_image)


@pytest.mark.parametrize("content_type", ["", "image/png", "application/json", "text/html", ";;"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_known_by_its_start_whatever_the_content_type(
    kind: str, content_type: str
) -> None:
    assert decoded(KINDS[kind], content_type) == PageImage(KINDS[kind], kind)
    reply = Reply(200, {"content-type": content_type}, KINDS[kind])
    assert read(reply, decode_image_file) == PageImage(KINDS[kind], kind)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [(b"BM\x00\x01" + REST, "image/bmp"), (b"<svg></svg>", "image/svg+xml"), (REST, "image/x-raw")],
)
def test_another_kind_of_image_is_known_by_its_content_type(data: bytes, content_type: str) -> None:
    assert decoded(data, f"{content_type.upper()}; a=b") == PageImage(data, content_type)


@pytest.mark.parametrize(
    "body",
    [b'{"error": "no such page"}', b"Document ID not found", b'"Page not found"', b"[false]"],
)
def test_a_no_that_is_called_an_image_is_a_rejection(body: bytes) -> None:
    with pytest.raises(Rejected):
        decoded(body, "image/png")
    with pytest.raises(DecodeError):
        read(Reply(200, {"content-type": "image/png"}, body), decode_image_file)


@pytest.mark.parametrize("body", [b"<html>x</html>", b"<!DOCTYPE html>", b"  ", b""])
def test_a_page_or_nothing_that_is_called_an_image_is_an_error(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decoded(body, "image/png")


def in_lines(text: str) -> str:
    return "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))


@pytest.mark.parametrize(("text", "image"), [(PNG_TEXT, PNG), (JPEG_TEXT, JPEG)])
def test_base64_is_read_in_every_spelling(text: str, image: bytes) -> None:
    kind = "image/png" if image is PNG else "image/jpeg"
    for spelled in (
        text,
        text.rstrip("="),
        in_lines(text),
        text.replace("+", "-").replace("/", "_"),
        f"data:{kind};base64,{text}",
        f"data:{kind.upper()};charset=utf-8;base64,{in_lines(text)}",
        f"data:application/octet-stream;base64,{text}",
        f"data:;base64,{text}",
    ):
        for body in (spelled, {"image": spelled}, [spelled], {"result": [{"data": spelled}]}):
            assert decoded(body) == PageImage(image, kind)
        assert decoded(spelled.encode(), "text/plain") == PageImage(image, kind)
        assert decoded(spelled.encode(), "image/png") == PageImage(image, kind)


def test_a_data_uri_says_what_an_unknown_kind_is() -> None:
    text = base64.b64encode(REST).decode()
    assert decoded(f"data:image/x-new;base64,{text}") == PageImage(REST, "image/x-new")
    with pytest.raises(DecodeError, match="no image"):
        decoded(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example/a.png?sig=1%2F2&x=y",
        "http://127.0.0.1:8000/a",
        "HTTPS://cdn.example/a",
        "/media/page/1.png",
        "/9/page.png",
    ],
)
def test_an_address_is_found(url: str) -> None:
    assert decoded({"image_url": url, "page": 1, "name": "page 1"}) == ImageAddress(url)
    assert decoded([url, url]) == ImageAddress(url)
    assert decoded(url.encode(), "text/plain") == ImageAddress(url)


@pytest.mark.parametrize(
    "text",
    [
        "http://[",
        "http://host:99999999/x",
        "http://host:x/",
        "//cdn.example/a",
        "/",
        "a.png",
        "/a b",
        "ftp://host/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "/" + "a" * 5000,
        JPEG_TEXT[:61],
        JPEG_TEXT + "%",
        "/9j/short",
    ],
)
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    with pytest.raises(DecodeError, match="no image"):
        decoded({"image": text})


def test_an_image_counts_more_than_an_address() -> None:
    assert decoded({"url": "/media/1.png", "image": PNG_TEXT}) == PageImage(PNG, "image/png")


@pytest.mark.parametrize(
    "answer",
    [[PNG_TEXT, JPEG_TEXT], {"pages": [{"image": PNG_TEXT}, {"image": JPEG_TEXT}]}, ["/a", "/b"]],
)
def test_several_images_are_an_error_that_says_what_to_do(answer: Any) -> None:
    with pytest.raises(DecodeError, match="2 images; pass page="):
        decoded(answer)


@pytest.mark.parametrize(
    "answer",
    ["Document ID not found", {"error": "x"}, {"success": False}, {"message": "Page not found"}],
)
def test_a_no_is_a_rejection(answer: Any) -> None:
    with pytest.raises(Rejected):
        decoded(answer)


@pytest.mark.parametrize("answer", [{}, [], None, 5, "", "Hello", {"image": None}, {"image": 5}])
def test_an_answer_without_an_image_is_an_error(answer: Any) -> None:
    with pytest.raises(DecodeError, match="no image"):
        decoded(answer)


@pytest.mark.parametrize(
    "text", [PNG_TEXT[:-7] + "!" * 7, "A" * 100, PNG_TEXT[:20], "iVBORw0KGgo=" * 9]
)
def test_base64_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(DecodeError, match="no image"):
        decoded({"image": text})


def test_a_huge_image_is_read() -> None:
    image = JPEG + bytes(5_000_000)
    assert decoded({"image": base64.b64encode(image).decode()}) == PageImage(image, "image/jpeg")
    assert "\\xff" not in repr(decoded(image))


@pytest.mark.parametrize("levels", [40, 800, 5000])
def test_an_image_beside_what_is_nested_too_deeply_is_found(levels: int) -> None:
    body = f'{{"more": {"[" * levels}{"]" * levels}, "image": "{PNG_TEXT}"}}'
    assert decoded(body.encode()) == PageImage(PNG, "image/png")
