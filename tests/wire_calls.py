"""The table of the conformance test: every call, and what the vendor's page says it sends.

A row is written from the documentation's text alone. Where a page has optional parameters, there
is a row with none of them (`least`) and one with all (`most`; several, where some exclude others).
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import zipfile
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

from raw_server import Answer

from klearstack_async import FieldUpdate, KlearStack

__all__ = [
    "ACCESS",
    "CALLS",
    "COMPANY_NAME",
    "FILES",
    "NEW_ACCESS",
    "PAGES",
    "PASSWORD",
    "USERNAME",
    "Json",
    "Looks",
    "Page",
    "WantedFile",
    "WireCall",
]

# Each holds what one of the encodings has to escape.
COMPANY_NAME = "Müller & Söhne = 100% +"
USERNAME = "ann+ap@example.com"
PASSWORD = 's3cret/pass word+ü&"='


def _token(claims: Mapping[str, object]) -> str:
    """Make a token of section 2; its signature is nobody's business here."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*texts, b"c2lnbmF0dXJl"]).decode()


_FAR = 4102444800  # 2100
ACCESS = _token({"token_type": "access", "exp": _FAR, "jti": "1", "user_id": 17})
NEW_ACCESS = _token({"token_type": "access", "exp": _FAR, "jti": "2", "user_id": 17})
REFRESH = _token({"token_type": "refresh", "exp": _FAR, "jti": "3", "user_id": 17})


@dataclass(frozen=True, slots=True)
class Json:
    """A field that holds strict JSON: as text in a form, as a value in a JSON body."""

    value: object


@dataclass(frozen=True, slots=True)
class Looks:
    """Any text of this pattern, where the client chooses."""

    pattern: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(self.pattern, other) is not None

    __hash__ = None  # type: ignore[assignment]  # equal to many texts


@dataclass(frozen=True, slots=True)
class WantedFile:
    """The part that holds a file: what its bytes are, once `read` has read them."""

    field: str
    filename: str | Looks
    content_type: str
    content: object
    read: Callable[[bytes], object] = bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What a page of the documentation says of its endpoint as a whole.

    Attributes:
        number: The page's, in the documentation.
        path: Where the request goes.
        answer: What the service says.
        bearer: Whether the page asks for the token.
    """

    number: int
    path: str
    answer: Answer
    bearer: bool = True


@dataclass(frozen=True, slots=True)
class WireCall:
    """A call, and the request it makes.

    Attributes:
        endpoint: Its name in `KlearStack(endpoints=...)`, and in `PAGES`.
        variant: `least` or `most` arguments, or what is special.
        call: Makes it; the folder holds `FILES`.
        fields: All that the body holds besides a file. `Json` is read as JSON, a text is a text.
        file: The file's part, if there is one.
    """

    endpoint: str
    variant: str
    call: Callable[[KlearStack, Path], Awaitable[object]]
    fields: Mapping[str, str | Json]
    file: WantedFile | None = None

    @property
    def page(self) -> Page:
        return PAGES[self.endpoint]

    def __str__(self) -> str:
        return f"{self.page.number:02}-{self.endpoint}-{self.variant}"


COMPANY = {"company_name": COMPANY_NAME}
COMPANY_AND_USER = {**COMPANY, "username": USERNAME}
CUP = {**COMPANY_AND_USER, "password": PASSWORD}
UPLOAD = {"processing_pref": "Accuracy", "document_type": "Invoices", "invoice_type": "B2B"}

XLS = "application/vnd.ms-excel"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

FILES = {
    "Rechnung März.pdf": b"%PDF-1.7\r\n--\r\n\0\xff\xfe body \r\n",
    "scan.jpeg": b"\xff\xd8\xff\xe0 a picture \r\n--",
    "page.png": b"\x89PNG\r\n\x1a\n a picture",
    "many.zip": b"PK\x05\x06" + bytes(18),
    "Händler.csv": "VENDOR,GL\r\nMüller,1200021\r\n".encode(),
    "vendors.xlsx": b"PK\x03\x04 as it is",
    "vendors.xls": b"\xd0\xcf\x11\xe0 as it is",
}

POSITIONAL = [
    ["6a00000000000000000000aa", "Document_id"],
    [1, "Is_Approved"],
    ["12345.0", "Inv_Total", 0.98, {"page_index": 1}, [1045, 630, 1104, 645]],
]
KEYED = {
    "Document_id": "6a00000000000000000000bb",
    "is_approved": 0,
    "ocr_id": "6a00000000000000000000cc",
    "document_type": "Invoice",
    "Inv_Number": {"value": "123456", "confidence": 0.99, "page_index": 1},
}


def _says(value: object) -> Answer:
    return Answer(json.dumps(value).encode())


BATCH = _says({"status": "completed", "result": [POSITIONAL]})
DOCUMENTS = _says({"result": [POSITIONAL]})
APPROVED = _says({"result": [KEYED], "release_version": "7.8.9"})
NOTHING = _says({"result": [], "release_version": "7.8.9"})
TOKENS = _says({"refresh_token": REFRESH, "access_token": ACCESS, "release_version": "7.8.9"})
RECEIPT = _says({"OCR_ref_no": "0c5ab6bc-0000-4000-8000-000000000001"})
BATCH_RECEIPT = _says(
    {
        "Function successfully executed!": "0c5ab6bc-0000-4000-8000-000000000002",
        "release_version": "7.8.9",
        "set_reference_number": "12345",
    }
)
SUCCESS = _says({"success": True, "release_version": "7.8.9"})
UPDATED = _says({"success": "Document updated successfully", "release_version": "7.8.9"})
SUBMITTED = Answer(b"Request Submitted Successfully", "text/plain")
PICTURE = Answer(FILES["page.png"], "image/png")


async def _logged_in_and_refreshed(ks: KlearStack) -> None:
    # Without a refresh token there would be nothing to send.
    await ks.auth.login()
    await ks.auth.refresh()


async def _with_file(path: Path, call: Callable[[BinaryIO], Awaitable[object]]) -> None:
    with path.open("rb") as file:
        await call(file)


async def _drained(stream: AsyncIterable[object]) -> list[object]:
    return [document async for document in stream]


def _csv(data: bytes) -> object:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def _members(data: bytes) -> object:
    """Give what the members hold, in their order; their names are the client's to choose."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return [(Path(name).suffix, archive.read(name)) for name in archive.namelist()]


def _held(name: str) -> tuple[str, bytes]:
    return Path(name).suffix, FILES[name]


def _schema(name: str, **columns: str) -> Json:
    """Give the `data` of pages 22 and 25."""
    return Json(
        {
            "DataSourceName": name,
            "DataSourceType": "excel_or_csv",
            "DataSourceStatus": True,
            "fields": [{"name": key, "datatype": datatype} for key, datatype in columns.items()],
        }
    )


PAGES = {
    "auth.login": Page(2, "/access/klearstack/get_access_token", TOKENS, bearer=False),
    "auth.user_id": Page(3, "/access/klearstack/getuserid", _says({"user_id": 17})),
    "auth.login_as": Page(4, "/access/klearstack/getaccesstokenfromuserid", TOKENS, bearer=False),
    "auth.refresh": Page(
        5,
        "/access/klearstack/getaccesstokenfromrefreshtoken",
        _says({"access_token": NEW_ACCESS, "release_version": "7.8.9"}),
    ),
    "uploads.document": Page(6, "/access/klearstack/processdocument", RECEIPT),
    "uploads.archive": Page(7, "/access/klearstack/uploadbatch", BATCH_RECEIPT),
    "results.in_batch": Page(8, "/access/klearstack/getbatchdocuments", BATCH),
    "results.between": Page(9, "/access/klearstack/getdaterangedocuments", DOCUMENTS),
    "results.in_set": Page(10, "/access/klearstack/getsetresults", DOCUMENTS),
    "results.of_user": Page(11, "/access/klearstack/getuserdocuments", DOCUMENTS),
    "results.modified": Page(12, "/access/klearstack/getmodifiedinvoices", DOCUMENTS),
    "results.approved": Page(13, "/access/klearstack/getapproveinvoices", APPROVED),
    "documents.get": Page(14, "/access/klearstack/getdocument", APPROVED),
    "documents.update": Page(15, "/access/klearstack/update_document", SUCCESS),
    "documents.set_quickbooks_status": Page(
        16, "/access/klearstack/updateqbestatus", _says("QBE status updated successfully")
    ),
    "documents.approve_or_reject": Page(17, "/access/klearstack/approve_reject_doc", UPDATED),
    "documents.text_in_box": Page(
        18, "/access/klearstack/gettext", _says({"text": "12345.0", "release_version": "7.8.9"})
    ),
    "images.get": Page(19, "/access/klearstack/getdocumentimage", PICTURE),
    "push.retry": Page(21, "/klearstack/retry_push_api", SUBMITTED),
    "datasources.create": Page(22, "/access/klearstack/insertdatasource", SUCCESS),
    "datasources.list": Page(23, "/access/klearstack/getdatasources", NOTHING),
    "datasources.rows": Page(24, "/access/klearstack/getdatasourcedata", NOTHING),
    "datasources.append": Page(25, "/access/klearstack/appenddatasource", SUCCESS),
    "datasources.update_row": Page(26, "/access/klearstack/update_datasource_row", SUCCESS),
    "datasources.delete_row": Page(27, "/access/klearstack/delete_datasource_row", SUCCESS),
    "datasources.delete": Page(28, "/access/klearstack/deletedatasource", SUCCESS),
    "sets.documents": Page(29, "/access/klearstack/getsetdocuments", DOCUMENTS),
    "sets.upload_status": Page(30, "/access/klearstack/getsetuploadstatus", NOTHING),
    "sets.references": Page(31, "/access/klearstack/getsetreferencenumbers", NOTHING),
    "fields.update_mapping": Page(32, "/klearstack/updatemappingdataapi", SUBMITTED),
}

_AUTH = (
    WireCall("auth.login", "least", lambda ks, _: ks.auth.login(), CUP),
    WireCall("auth.user_id", "least", lambda ks, _: ks.auth.user_id(), COMPANY_AND_USER),
    WireCall(
        "auth.user_id", "most", lambda ks, _: ks.auth.user_id("bob"), {**COMPANY, "username": "bob"}
    ),
    WireCall(
        "auth.login_as", "least", lambda ks, _: ks.auth.login_as("18"), {**COMPANY, "user_id": "18"}
    ),
    WireCall(
        "auth.refresh",
        "least",
        lambda ks, _: _logged_in_and_refreshed(ks),
        {**COMPANY, "refresh_token": REFRESH},
    ),
)

_PDF = WantedFile("file", "Rechnung März.pdf", "application/pdf", FILES["Rechnung März.pdf"])
_ZIP = WantedFile("file", "many.zip", "application/zip", FILES["many.zip"])

_UPLOADS = (
    WireCall(
        "uploads.document",
        "least",
        lambda ks, folder: ks.uploads.document(folder / "Rechnung März.pdf"),
        {**CUP, **UPLOAD},
        file=_PDF,
    ),
    WireCall(
        "uploads.document",
        "most, into a set",
        lambda ks, _: ks.uploads.document(
            FILES["scan.jpeg"],
            filename="発票 “1”.jpeg",
            document_type="LoanAgreement",
            invoice_type="B2C",
            processing="Speed",
            source_name="API",
            priority="1",
            account_id="acc-1",
            set_reference_number="12345",
            user_id="17",
            user_role="Admin",
            application_no="app/1",
            additional_params={"borrower_name": "Jürgen “J” Ö", "tenure": 12, "co_borrower": None},
        ),
        {
            **CUP,
            "document_type": "LoanAgreement",
            "invoice_type": "B2C",
            "processing_pref": "Speed",
            "source_name": "API",
            "priority_flag": "1",
            "account_id": "acc-1",
            "set_reference_number": "12345",
            "userid": "17",
            "user_role": "Admin",
            "application_no": "app/1",
            "additional_params": Json(
                {"borrower_name": "Jürgen “J” Ö", "tenure": 12, "co_borrower": None}
            ),
        },
        file=WantedFile("file", "発票 “1”.jpeg", "image/jpeg", FILES["scan.jpeg"]),
    ),
    WireCall(
        "uploads.document",
        "most, a new set",
        lambda ks, folder: ks.uploads.document(
            folder / "page.png", set_name="März 2026", create_new_set=True
        ),
        {**CUP, **UPLOAD, "set_name": "März 2026", "create_new_set": "True"},
        file=WantedFile("file", "page.png", "image/png", FILES["page.png"]),
    ),
    WireCall(
        "uploads.archive",
        "least",
        lambda ks, folder: ks.uploads.archive(folder / "many.zip"),
        {**CUP, **UPLOAD},
        file=_ZIP,
    ),
    WireCall(
        "uploads.archive",
        "most, into a set",
        lambda ks, _: ks.uploads.archive(
            FILES["many.zip"],
            filename="alle Belege.zip",
            document_type="Receipts",
            invoice_type="B2C",
            processing="Speed",
            source_name="API",
            priority="1",
            account_id="acc-1",
            set_reference_number="12345",
        ),
        {
            **CUP,
            "document_type": "Receipts",
            "invoice_type": "B2C",
            "processing_pref": "Speed",
            "source_name": "API",
            "priority_flag": "1",
            "account_id": "acc-1",
            "set_reference_number": "12345",
        },
        file=WantedFile("file", "alle Belege.zip", "application/zip", FILES["many.zip"]),
    ),
    WireCall(
        "uploads.archive",
        "most, a new set",
        lambda ks, folder: ks.uploads.archive(
            folder / "many.zip", set_name="März 2026", create_new_set=True
        ),
        {**CUP, **UPLOAD, "set_name": "März 2026", "create_new_set": "True"},
        file=_ZIP,
    ),
    WireCall(
        "uploads.archive",
        "bundle",
        lambda ks, folder: ks.uploads.bundle([folder / "Rechnung März.pdf", folder / "page.png"]),
        {**CUP, **UPLOAD},
        file=WantedFile(
            "file",
            "documents.zip",
            "application/zip",
            [_held("Rechnung März.pdf"), _held("page.png")],
            _members,
        ),
    ),
    WireCall(
        "uploads.archive",
        "bundle, most",
        lambda ks, folder: ks.uploads.bundle(
            [folder / "scan.jpeg"],
            filename="Bündel.zip",
            document_type="Receipts",
            invoice_type="B2C",
            processing="Speed",
            source_name="API",
            priority="1",
            account_id="acc-1",
            set_name="März 2026",
            create_new_set=True,
        ),
        {
            **CUP,
            "document_type": "Receipts",
            "invoice_type": "B2C",
            "processing_pref": "Speed",
            "source_name": "API",
            "priority_flag": "1",
            "account_id": "acc-1",
            "set_name": "März 2026",
            "create_new_set": "True",
        },
        file=WantedFile("file", "Bündel.zip", "application/zip", [_held("scan.jpeg")], _members),
    ),
)

_FROM, _TO = date(2026, 2, 1), date(2026, 12, 31)
_DATES = {"from_date": "01/02/2026", "to_date": "31/12/2026"}

_RESULTS = (
    WireCall(
        "results.in_batch",
        "least",
        lambda ks, _: ks.results.in_batch("b/1"),
        {**CUP, "batch_id": "b/1", "document_type": "Invoices"},
    ),
    WireCall(
        "results.in_batch",
        "most",
        lambda ks, _: ks.results.in_batch(
            "b/1", document_type="Receipts", expected=3, approved=True, saved=False
        ),
        {
            **CUP,
            "batch_id": "b/1",
            "document_type": "Receipts",
            "approve_flag": "true",
            "save_flag": "false",
        },
    ),
    WireCall(
        "results.in_batch",
        "wait, least",
        lambda ks, _: ks.results.wait("b/1"),
        {**CUP, "batch_id": "b/1", "document_type": "Invoices"},
    ),
    WireCall(
        "results.in_batch",
        "wait, most",
        lambda ks, _: ks.results.wait("b/1", expected=1, document_type="NACH", timeout=30),
        {**CUP, "batch_id": "b/1", "document_type": "NACH"},
    ),
    WireCall(
        "results.between",
        "least",
        lambda ks, _: ks.results.between(_FROM, _TO),
        {**CUP, **_DATES, "document_type": "Invoices"},
    ),
    WireCall(
        "results.between",
        "most",
        lambda ks, _: ks.results.between(_FROM, _TO, document_type="PurchaseOrders"),
        {**CUP, **_DATES, "document_type": "PurchaseOrders"},
    ),
    WireCall(
        "results.between",
        "stream, most",
        lambda ks, _: _drained(
            ks.results.stream_between(_FROM, _TO, document_type="PurchaseOrders")
        ),
        {**CUP, **_DATES, "document_type": "PurchaseOrders"},
    ),
    WireCall(
        "results.in_set",
        "least",
        lambda ks, _: ks.results.in_set("12345"),
        {**CUP, "set_reference_number": "12345", "document_type": "Invoices"},
    ),
    WireCall(
        "results.in_set",
        "most",
        lambda ks, _: ks.results.in_set("12345", document_type="Receipts"),
        {**CUP, "set_reference_number": "12345", "document_type": "Receipts"},
    ),
    WireCall(
        "results.in_set",
        "stream, most",
        lambda ks, _: _drained(ks.results.stream_in_set("12345", document_type="Receipts")),
        {**CUP, "set_reference_number": "12345", "document_type": "Receipts"},
    ),
    WireCall("results.of_user", "least", lambda ks, _: ks.results.of_user(), CUP),
    WireCall(
        "results.of_user",
        "most",
        lambda ks, _: ks.results.of_user(approved=False, saved=True),
        {**CUP, "approve_flag": "false", "save_flag": "true"},
    ),
    WireCall(
        "results.of_user", "stream, least", lambda ks, _: _drained(ks.results.stream_of_user()), CUP
    ),
    WireCall(
        "results.of_user",
        "stream, most",
        lambda ks, _: _drained(ks.results.stream_of_user(approved=False, saved=True)),
        {**CUP, "approve_flag": "false", "save_flag": "true"},
    ),
    WireCall("results.modified", "least", lambda ks, _: ks.results.modified(), CUP),
    WireCall(
        "results.modified",
        "most",
        lambda ks, _: ks.results.modified(document_type="Insurances"),
        {**CUP, "document_type": "Insurances"},
    ),
    WireCall(
        "results.modified",
        "stream, most",
        lambda ks, _: _drained(ks.results.stream_modified(document_type="Insurances")),
        {**CUP, "document_type": "Insurances"},
    ),
    WireCall(
        "results.approved",
        "least",
        lambda ks, _: ks.results.approved(_FROM, _TO),
        {**CUP, **_DATES},
    ),
    WireCall(
        "results.approved",
        "most",
        lambda ks, _: ks.results.approved(
            _FROM,
            _TO,
            document_type="Invoices",
            users=(name for name in ("ann", "bob@example.com")),
            quickbooks_status="failed",
        ),
        {
            **CUP,
            **_DATES,
            "document_type": "Invoices",
            "user_list": "ann,bob@example.com",
            "QBE_status": "failed",
        },
    ),
    WireCall(
        "results.approved",
        "stream, most",
        lambda ks, _: _drained(
            ks.results.stream_approved(
                _FROM, _TO, document_type="Invoices", users=["ann"], quickbooks_status="successful"
            )
        ),
        {
            **CUP,
            **_DATES,
            "document_type": "Invoices",
            "user_list": "ann",
            "QBE_status": "successful",
        },
    ),
)

_ID = "6a00000000000000000000aa"
_INVOICES = {**COMPANY, "collection_name": "Invoices"}
_RECEIPTS = {**COMPANY, "collection_name": "Receipts"}
_COMMENT = 'Geprüft ✓ & "gut" = 100%+\r\nzweite Zeile\n'

_DOCUMENTS = (
    WireCall(
        "documents.get", "least", lambda ks, _: ks.documents.get(_ID), {**_INVOICES, "id": _ID}
    ),
    WireCall(
        "documents.get",
        "most",
        lambda ks, _: ks.documents.get(_ID, collection_name="Receipts"),
        {**_RECEIPTS, "id": _ID},
    ),
    WireCall(
        "documents.update",
        "least",
        lambda ks, _: ks.documents.update(_ID, {"doc_date_value": "02-Oct-2022"}),
        {
            **_INVOICES,
            "id": _ID,
            "data": Json(
                {"doc_date_value": {"_value": "02-Oct-2022", "_coordinates": [0, 0, 0, 0]}}
            ),
        },
    ),
    WireCall(
        "documents.update",
        "most",
        lambda ks, _: ks.documents.update(
            _ID,
            {
                "doc_date_value": FieldUpdate("02-Oct-2022", box=(1, 2, 3, 4)),
                "vendor_value": FieldUpdate('Müller "& Söhne"'),
                "total_value": "",
            },
            collection_name="Receipts",
        ),
        {
            **_RECEIPTS,
            "id": _ID,
            "data": Json(
                {
                    "doc_date_value": {"_value": "02-Oct-2022", "_coordinates": [1, 2, 3, 4]},
                    "vendor_value": {"_value": 'Müller "& Söhne"', "_coordinates": [0, 0, 0, 0]},
                    "total_value": {"_value": "", "_coordinates": [0, 0, 0, 0]},
                }
            ),
        },
    ),
    WireCall(
        "documents.set_quickbooks_status",
        "least",
        lambda ks, _: ks.documents.set_quickbooks_status(_ID, "successful"),
        {
            **CUP,
            "document_type": "Invoices",
            "QBE_response": Json(
                {
                    "document_id": _ID,
                    "QBE_status": "successful",
                    "error_message": "",
                    "QBE_timestamp": Looks(r"\d\d/\d\d/20\d\d \d\d:\d\d:\d\d"),
                }
            ),
        },
    ),
    WireCall(
        "documents.set_quickbooks_status",
        "most",
        lambda ks, _: ks.documents.set_quickbooks_status(
            _ID,
            "failed",
            error_message='Konto "1200" fehlt',
            at=datetime(2021, 4, 14, 12, 32, 49, 999999, tzinfo=UTC),
            document_type="Receipts",
            collection_name="Receipts",
        ),
        {
            **CUP,
            "document_type": "Receipts",
            "collection_name": "Receipts",
            "QBE_response": Json(
                {
                    "document_id": _ID,
                    "QBE_status": "failed",
                    "error_message": 'Konto "1200" fehlt',
                    "QBE_timestamp": "14/04/2021 12:32:49",
                }
            ),
        },
    ),
    WireCall(
        "documents.approve_or_reject",
        "approve, least",
        lambda ks, _: ks.documents.approve(_ID, comment="ok"),
        {**_INVOICES, "id": _ID, "approve_reject": "approve", "comment": "ok"},
    ),
    WireCall(
        "documents.approve_or_reject",
        "approve, most",
        lambda ks, _: ks.documents.approve(_ID, comment=_COMMENT, collection_name="Receipts"),
        {**_RECEIPTS, "id": _ID, "approve_reject": "approve", "comment": _COMMENT},
    ),
    WireCall(
        "documents.approve_or_reject",
        "reject, least",
        lambda ks, _: ks.documents.reject(_ID, comment="no"),
        {**_INVOICES, "id": _ID, "approve_reject": "reject", "comment": "no"},
    ),
    WireCall(
        "documents.approve_or_reject",
        "reject, most",
        lambda ks, _: ks.documents.reject(_ID, comment=_COMMENT, collection_name="Receipts"),
        {**_RECEIPTS, "id": _ID, "approve_reject": "reject", "comment": _COMMENT},
    ),
    WireCall(
        "documents.text_in_box",
        "least",
        lambda ks, _: ks.documents.text_in_box("ocr-1", (1045, 630, 1104, 645)),
        {**_INVOICES, "ocr_text_id": "ocr-1", "coordinates": Json([1045, 630, 1104, 645])},
    ),
    WireCall(
        "documents.text_in_box",
        "most",
        lambda ks, _: ks.documents.text_in_box("ocr-1", (1, 2, 3, 4), collection_name="Receipts"),
        {**_RECEIPTS, "ocr_text_id": "ocr-1", "coordinates": Json([1, 2, 3, 4])},
    ),
)


_IMAGES = (
    WireCall("images.get", "least", lambda ks, _: ks.images.get(_ID), {**_INVOICES, "id": _ID}),
    WireCall(
        "images.get",
        "most",
        lambda ks, _: ks.images.get(_ID, page=2, collection_name="Receipts"),
        {**_RECEIPTS, "id": _ID, "page_index": "2"},
    ),
    WireCall(
        "images.get",
        "save, least",
        lambda ks, folder: ks.images.save(_ID, folder / "saved.png"),
        {**_INVOICES, "id": _ID},
    ),
    WireCall(
        "images.get",
        "save, most",
        lambda ks, folder: ks.images.save(
            _ID, folder / "saved.png", page=1, collection_name="Receipts"
        ),
        {**_RECEIPTS, "id": _ID, "page_index": "1"},
    ),
)

_MAPPING = [
    {
        "documentTypeDetails": {
            "invoices": {
                "fields": {
                    "doc_number_value": {
                        "label": "Rechnungsnummer für „alle“",
                        "required": True,
                        "visibility": False,
                    }
                }
            }
        }
    }
]

_PUSH_AND_FIELDS = (
    WireCall(
        "push.retry",
        "least",
        lambda ks, _: ks.push.retry([{"document_id": _ID}]),
        {**COMPANY_AND_USER, "collection_name": "Invoices", "data": Json([{"document_id": _ID}])},
    ),
    WireCall(
        "push.retry",
        "most",
        lambda ks, _: ks.push.retry({"größe": [1, None, 0.5]}, collection_name="Receipts"),
        {
            **COMPANY_AND_USER,
            "collection_name": "Receipts",
            "data": Json({"größe": [1, None, 0.5]}),
        },
    ),
    WireCall(
        "fields.update_mapping",
        "least",
        lambda ks, _: ks.fields.update_mapping(_MAPPING),
        {**COMPANY_AND_USER, "collection_name": "Invoices", "data": Json(_MAPPING)},
    ),
    WireCall(
        "fields.update_mapping",
        "most",
        lambda ks, _: ks.fields.update_mapping(_MAPPING, collection_name="Receipts"),
        {**COMPANY_AND_USER, "collection_name": "Receipts", "data": Json(_MAPPING)},
    ),
)

_VENDORS = {**COMPANY, "datasource_name": "Händler & Co"}
_CHOSEN_CSV = Looks(r".+\.csv")
_GENERATED = WantedFile(
    "dataset",
    _CHOSEN_CSV,
    "text/csv",
    [["VENDOR", "GL"], ['Müller, "Söhne"\r\nBonn', "1200021"], ["発票", "7"]],
    _csv,
)

_DATASOURCES = (
    WireCall(
        "datasources.create",
        "least",
        lambda ks, _: ks.datasources.create(
            "Händler & Co",
            ["VENDOR", "GL"],
            [{"VENDOR": 'Müller, "Söhne"\r\nBonn', "GL": "1200021"}, {"GL": "7", "VENDOR": "発票"}],
        ),
        {**_VENDORS, "data": _schema("Händler & Co", VENDOR="string", GL="string")},
        file=_GENERATED,
    ),
    WireCall(
        "datasources.create",
        "typed columns",
        lambda ks, _: ks.datasources.create(
            "Händler & Co",
            {"VENDOR": "string", "GL": "number"},
            iter([('Müller, "Söhne"\r\nBonn', 1200021), ("発票", 7)]),
        ),
        {**_VENDORS, "data": _schema("Händler & Co", VENDOR="string", GL="number")},
        file=_GENERATED,
    ),
    WireCall(
        "datasources.create",
        "a CSV file",
        lambda ks, folder: ks.datasources.create(
            "Händler & Co", ["VENDOR", "GL"], folder / "Händler.csv"
        ),
        {**_VENDORS, "data": _schema("Händler & Co", VENDOR="string", GL="string")},
        file=WantedFile("dataset", "Händler.csv", "text/csv", FILES["Händler.csv"]),
    ),
    WireCall(
        "datasources.create",
        "an XLSX file",
        lambda ks, folder: ks.datasources.create(
            "Händler & Co", ["VENDOR"], folder / "vendors.xlsx"
        ),
        {**_VENDORS, "data": _schema("Händler & Co", VENDOR="string")},
        file=WantedFile("dataset", "vendors.xlsx", XLSX, FILES["vendors.xlsx"]),
    ),
    WireCall(
        "datasources.create",
        "an XLS file",
        lambda ks, folder: ks.datasources.create(
            "Händler & Co", ["VENDOR"], folder / "vendors.xls"
        ),
        {**_VENDORS, "data": _schema("Händler & Co", VENDOR="string")},
        file=WantedFile("dataset", "vendors.xls", XLS, FILES["vendors.xls"]),
    ),
    WireCall("datasources.list", "least", lambda ks, _: ks.datasources.list(), COMPANY),
    WireCall(
        "datasources.rows", "least", lambda ks, _: ks.datasources.rows("Händler & Co"), _VENDORS
    ),
    WireCall(
        "datasources.append",
        "least",
        lambda ks, _: ks.datasources.append("Händler & Co", [{"VENDOR": "Æ", "GL": "7"}]),
        {**_VENDORS, "data": _schema("Händler & Co", VENDOR="string", GL="string")},
        file=WantedFile("dataset", _CHOSEN_CSV, "text/csv", [["VENDOR", "GL"], ["Æ", "7"]], _csv),
    ),
    WireCall(
        "datasources.append",
        "most",
        lambda ks, _: ks.datasources.append(
            "Händler & Co",
            [['Müller, "Söhne"\r\nBonn', "1200021"], ["発票", "7"]],
            columns={"VENDOR": "string", "GL": "number"},
        ),
        {**_VENDORS, "data": _schema("Händler & Co", VENDOR="string", GL="number")},
        file=_GENERATED,
    ),
    WireCall(
        "datasources.append",
        "bytes of an XLSX",
        lambda ks, _: ks.datasources.append(
            "Händler & Co", FILES["vendors.xlsx"], columns=["VENDOR"]
        ),
        {**_VENDORS, "data": _schema("Händler & Co", VENDOR="string")},
        file=WantedFile("dataset", Looks(r".+\.xlsx"), XLSX, FILES["vendors.xlsx"]),
    ),
    WireCall(
        "datasources.append",
        "an open file",
        lambda ks, folder: _with_file(
            folder / "vendors.xlsx",
            lambda file: ks.datasources.append("Händler & Co", file, columns=["VENDOR"]),
        ),
        {**_VENDORS, "data": _schema("Händler & Co", VENDOR="string")},
        file=WantedFile("dataset", "vendors.xlsx", XLSX, FILES["vendors.xlsx"]),
    ),
    WireCall(
        "datasources.append",
        "bytes of a CSV",
        lambda ks, _: ks.datasources.append(
            "Händler & Co", FILES["Händler.csv"], columns=["VENDOR", "GL"]
        ),
        {**_VENDORS, "data": _schema("Händler & Co", VENDOR="string", GL="string")},
        file=WantedFile("dataset", _CHOSEN_CSV, "text/csv", FILES["Händler.csv"]),
    ),
    WireCall(
        "datasources.update_row",
        "least",
        lambda ks, _: ks.datasources.update_row("Händler & Co", "r-1", {"VENDOR": "Æ", "GL #": ""}),
        {**_VENDORS, "id": "r-1", "data": Json({"VENDOR": "Æ", "GL #": ""})},
    ),
    WireCall(
        "datasources.delete_row",
        "least",
        lambda ks, _: ks.datasources.delete_row("Händler & Co", "r-1"),
        {**_VENDORS, "id": "r-1"},
    ),
    WireCall(
        "datasources.delete", "least", lambda ks, _: ks.datasources.delete("Händler & Co"), _VENDORS
    ),
)

_SETS = (
    WireCall(
        "sets.documents",
        "least",
        lambda ks, _: ks.sets.documents("12345"),
        {**CUP, "set_reference_number": "12345"},
    ),
    WireCall(
        "sets.upload_status",
        "least",
        lambda ks, _: ks.sets.upload_status("12345"),
        {**CUP, "set_reference_number": "12345"},
    ),
    WireCall("sets.references", "least", lambda ks, _: ks.sets.references(), CUP),
)

CALLS = (
    *_AUTH,
    *_UPLOADS,
    *_RESULTS,
    *_DOCUMENTS,
    *_IMAGES,
    *_PUSH_AND_FIELDS,
    *_DATASOURCES,
    *_SETS,
)
