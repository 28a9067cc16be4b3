"""What type checkers infer of each group method's result; mypy --strict reads this file.

Nothing in `every_result` is run: it is right if mypy finds nothing in it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import AsyncGenerator
from datetime import date
from pathlib import Path
from typing import Any, assert_type

from test_every_endpoint import NO_CALLS, any_client, methods_of

from klearstack_async import (
    Batch,
    Box,
    BoxText,
    BulkRun,
    Confirmation,
    Datasource,
    DatasourceRow,
    Document,
    DocumentList,
    DocumentSet,
    Field,
    KlearStack,
    PageImage,
    Request,
    SetStatus,
    Tokens,
    Upload,
)

HERE = Path(__file__)


async def every_result(ks: KlearStack, day: date, request: Request[Batch]) -> None:
    assert_type(await ks.auth.login(), Tokens)
    assert_type(await ks.auth.refresh(), Tokens)
    assert_type(await ks.auth.user_id(), str)
    assert_type(await ks.auth.login_as("1"), Tokens)
    assert_type(await ks.uploads.document("a.pdf"), Upload)
    assert_type(await ks.uploads.archive("a.zip"), Upload)
    assert_type(await ks.uploads.bundle(["a.pdf"]), Upload)
    assert_type(await ks.results.in_batch("b"), Batch)
    assert_type(await ks.results.wait("b"), Batch)
    assert_type(await ks.results.between(day, day), DocumentList)
    assert_type(await ks.results.in_set("1"), DocumentList)
    assert_type(await ks.results.of_user(), DocumentList)
    assert_type(await ks.results.modified(), DocumentList)
    assert_type(await ks.results.approved(day, day), DocumentList)
    assert_type(ks.results.stream_between(day, day), AsyncGenerator[Document])
    assert_type(ks.results.stream_in_set("1"), AsyncGenerator[Document])
    assert_type(ks.results.stream_of_user(), AsyncGenerator[Document])
    assert_type(ks.results.stream_modified(), AsyncGenerator[Document])
    assert_type(ks.results.stream_approved(day, day), AsyncGenerator[Document])
    assert_type(await ks.documents.get("d"), Document)
    assert_type(await ks.documents.update("d", {"a": "b"}), Confirmation)
    assert_type(await ks.documents.set_quickbooks_status("d", "failed"), Confirmation)
    assert_type(await ks.documents.approve("d", comment="ok"), Confirmation)
    assert_type(await ks.documents.reject("d", comment="no"), Confirmation)
    assert_type(await ks.documents.text_in_box("t", (1, 2, 3, 4)), BoxText)
    assert_type(await ks.images.get("d"), PageImage)
    assert_type(await ks.images.save("d", "a.png"), Path)
    assert_type(await ks.push.retry([]), Confirmation)
    assert_type(await ks.datasources.create("s", ["a"], [["b"]]), Confirmation)
    assert_type(await ks.datasources.list(), tuple[Datasource, ...])
    assert_type(await ks.datasources.rows("s"), tuple[DatasourceRow, ...])
    assert_type(await ks.datasources.append("s", [{"a": "b"}]), Confirmation)
    assert_type(await ks.datasources.update_row("s", "1", {"a": "b"}), Confirmation)
    assert_type(await ks.datasources.delete_row("s", "1"), Confirmation)
    assert_type(await ks.datasources.delete("s"), Confirmation)
    assert_type(await ks.sets.documents("1"), DocumentList)
    assert_type(await ks.sets.upload_status("1"), SetStatus)
    assert_type(await ks.sets.references(), tuple[DocumentSet, ...])
    assert_type(await ks.fields.update_mapping({}), Confirmation)
    # What a request decodes to is what sending it gives.
    assert_type(await ks.send(request), Batch)
    assert_type(await ks.call("getsomething"), Any)
    assert_type(ks.bulk("folder"), BulkRun)
    documents = await ks.results.of_user()
    assert_type(documents[0], Document)
    assert_type(documents[:2], tuple[Document, ...])
    assert_type(documents[0]["Inv_Total"], Field)
    assert_type(documents[0]["Inv_Total"].box, Box | None)


def test_mypy_infers_every_type_in_here() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", str(HERE)],
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_group_method_is_in_here() -> None:
    function = next(
        node
        for node in ast.parse(HERE.read_text()).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "every_result"
    )
    called = {
        ast.unparse(node.func).removeprefix("ks.")
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
    }
    assert methods_of(any_client()) - NO_CALLS <= called
