"""Pages as pictures, and the text in a box of them: endpoints 18 and 19 of the documentation.

Both open the file itself, in the one thread that reads files.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from aiohttp import web

from klearstack_async.sandbox import selection
from klearstack_async.sandbox.answers import (
    RELEASE_VERSION,
    RefusalError,
    json_bytes,
    json_response,
    object_response,
)
from klearstack_async.sandbox.documents import found, target_of
from klearstack_async.sandbox.form import Form
from klearstack_async.sandbox.guards import require, require_user, shown
from klearstack_async.sandbox.processing import content_path
from klearstack_async.sandbox.reading import (
    NoSuchPage,
    UnreadableDocument,
    check_page,
    page_image,
    text_in_box,
)
from klearstack_async.sandbox.selection import DocumentResult, Target
from klearstack_async.sandbox.service import Service
from klearstack_async.sandbox.strict_json import parse_box, parse_json
from klearstack_async.sandbox.users import User

PICTURES_PATH = "/klearstack/documentimages"
"""Where pictures are that are answered with as a URL."""

P = ParamSpec("P")
T = TypeVar("T")


async def get_text(service: Service, form: Form) -> web.Response:
    """Give the text printed inside a box (endpoint 18; what it answers is assumed).

    The call names no page. A box that a field of the document has is looked up on that field's
    page, any other on the first.
    """
    collection = require(form, "collection_name")
    ocr_id = require(form, "ocr_text_id").strip()
    box = parse_box("coordinates", parse_json("coordinates", require(form, "coordinates")))
    target = Target(require_user(form), collection, "ocr_id", ocr_id)
    document = await _found(service, target)
    text = await _read(service, document, text_in_box, _page_of(document, box), box)
    return object_response(text=text)


async def get_document_image(service: Service, form: Form) -> web.Response:
    """Give a page as a PNG of the size that all boxes are measured in (endpoint 19; assumed)."""
    target = target_of(form)
    page = _page_index(form)
    document = await _found(service, target)
    if service.settings.image_answer == "bytes":
        return _png(await _read(service, document, page_image, page))
    if service.settings.image_answer == "base64":
        return json_response(await _read(service, document, _base64_body, page))
    await _read(service, document, check_page, page)
    name = f"{document.document_id}-{page}"
    seal = _seal(service, require_user(form), name)
    return object_response(image_url=f"{form.base_url}{PICTURES_PATH}/{name}-{seal}")


async def get_picture(service: Service, form: Form) -> web.Response:
    """Serve a picture that a URL was given out for, to the user it was given to."""
    name, _, seal = form.fields["picture"].rpartition("-")
    expected = _seal(service, require_user(form), name)
    if not hmac.compare_digest(seal.encode(errors="replace"), expected.encode()):
        raise RefusalError(404, "There is no such picture.")
    document_id, _, page = name.partition("-")
    now = service.now().timestamp()
    [document] = await service.store.run(selection.documents, now, [selection.with_id(document_id)])
    return _png(await _read(service, document, page_image, int(page)))


async def _found(service: Service, target: Target) -> DocumentResult:
    return await service.store.run(found, service.now().timestamp(), target)


async def _read(
    service: Service,
    document: DocumentResult,
    function: Callable[Concatenate[Path, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Call a function with the document's file, in the thread where files are read.

    Raises:
        RefusalError: 400 if the file is no document, or has no such page.
    """
    if document.content is None:
        raise RefusalError(400, document.reason or "The document has no file.")
    path = content_path(service.contents_folder, *document.content)
    try:
        return await service.processing.run(function, path, *args, **kwargs)
    except (UnreadableDocument, NoSuchPage) as error:
        raise RefusalError(400, str(error)) from error


def _page_of(document: DocumentResult, box: tuple[float, ...]) -> int:
    reading = document.reading
    if reading is None:
        return 1
    items = (field for item in reading.line_items for field in item)
    return next((field.page for field in (*reading.fields, *items) if field.box == box), 1)


def _page_index(form: Form) -> int:
    text = form.fields.get("page_index", "").strip() or "1"
    if re.fullmatch(r"-?[0-9]{1,9}", text) is None:
        raise RefusalError(
            400, f"page_index must be a whole number from 1; '{shown(text)}' was given."
        )
    return int(text)


def _base64_body(path: Path, page: int) -> bytes:
    picture = base64.b64encode(page_image(path, page)).decode()
    return json_bytes(
        {"image": picture, "content_type": "image/png", "release_version": RELEASE_VERSION}
    )


def _seal(service: Service, user: User, name: str) -> str:
    """Make a name unguessable: only the sandbox can, and for each user it comes out another."""
    message = f"picture {user.user_id} {name}".encode(errors="replace")
    return hmac.new(service.tokens.secret.encode(), message, hashlib.sha256).hexdigest()


def _png(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="image/png")
