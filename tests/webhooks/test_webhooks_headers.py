"""What is refused by its headers alone, before a body is read."""

from __future__ import annotations

from typing import Any

import pytest
from push_kit import BEARER, TOKEN

from klearstack_async.errors import WebhookError
from klearstack_async.webhooks import check_headers

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, None),
        ({"Content-Length": "0"}, 0),
        ({"CONTENT-LENGTH": " 1000 "}, 1000),
        ({"content-length": "0001000"}, 1000),
        ({"Transfer-Encoding": "chunked"}, None),
    ],
)
def test_what_passes_says_how_long_it_is(headers: dict[str, str], length: int | None) -> None:
    assert check_headers(BEARER | JSON | headers, token=TOKEN, max_bytes=1000) == length


WRONG: dict[str, tuple[int, Any]] = {
    "no token": (401, JSON),
    "wrong token": (401, {"Authorization": "Bearer x", "Content-Length": "9999"}),
    "two tokens": (401, [*BEARER.items(), ("authorization", "Bearer x")]),
    "no type": (415, BEARER),
    "another type": (415, BEARER | {"Content-Type": "text/html", "Content-Length": "9999"}),
    "two types": (400, [*(BEARER | JSON).items(), ("content-type", "text/html")]),
    "too large": (413, BEARER | JSON | {"Content-Length": "1001"}),
    "far too large": (413, BEARER | JSON | {"Content-Length": "9" * 18}),
    "no number": (400, BEARER | JSON | {"Content-Length": "many"}),
    "negative": (400, BEARER | JSON | {"Content-Length": "-1"}),
    "underscored": (400, BEARER | JSON | {"Content-Length": "1_0"}),
    "other digits": (400, BEARER | JSON | {"Content-Length": "٣"}),
    "endless": (400, BEARER | JSON | {"Content-Length": "1" * 5000}),
    "two lengths": (
        400,
        [*(BEARER | JSON).items(), ("Content-Length", "1"), ("content-length", "2")],
    ),
}


@pytest.mark.parametrize(("status", "headers"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_with_its_status(status: int, headers: Any) -> None:
    with pytest.raises(WebhookError) as caught:
        check_headers(headers, token=TOKEN, max_bytes=1000)
    assert caught.value.status == status
    assert "MARKED" not in str(caught.value)
    assert len(str(caught.value)) < 1200


def test_without_a_token_none_is_checked() -> None:
    assert check_headers(JSON | {"Content-Length": "5"}) == 5


def test_an_empty_token_is_misuse() -> None:
    with pytest.raises(ValueError, match="empty"):
        check_headers(BEARER | JSON, token="")
