"""Asyncio-native, unofficial client for KlearStack's document-extraction API.

What is named here is imported when it is first used: a program that never makes a bulk run needn't
load a database for it, and one that only asks for the version loads nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from klearstack_async._version import __version__

if TYPE_CHECKING:
    from klearstack_async.attempts import Attempt
    from klearstack_async.bulk.engine import BulkRun
    from klearstack_async.bulk.options import BulkOptions
    from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
    from klearstack_async.bulk.progress import Progress
    from klearstack_async.bulk.sinks import Sink, json_lines
    from klearstack_async.client import ClientOptions, KlearStack
    from klearstack_async.document import Document
    from klearstack_async.endpoints.unverified import UnverifiedEndpointWarning
    from klearstack_async.endpoints.uploads import DocumentOptions, UploadOptions
    from klearstack_async.errors import (
        AuthenticationError,
        BadRequest,
        BatchFailed,
        BatchNotReady,
        BrokenAnswer,
        ClientClosed,
        ConnectError,
        ConnectionDropped,
        DeadlineExceeded,
        DecodeError,
        EndpointNotFound,
        JournalError,
        KlearStackError,
        OutcomeUnknown,
        PermissionDenied,
        RateLimited,
        Redirected,
        Rejected,
        ResponseError,
        ServerError,
        SourceChanged,
        StallTimeout,
        TlsError,
        TransportError,
        WebhookError,
    )
    from klearstack_async.field import Box, Field
    from klearstack_async.limits import Rate, RateFigures, RetryPolicy, Timeouts
    from klearstack_async.models import (
        Batch,
        BatchState,
        BoxText,
        Confirmation,
        Datasource,
        DatasourceRow,
        DocumentList,
        DocumentSet,
        FieldUpdate,
        PageImage,
        SetDocument,
        SetStatus,
        Tokens,
        Upload,
    )
    from klearstack_async.pool import OpenTenant, SessionPool
    from klearstack_async.settings import (
        Account,
        DocumentType,
        Encoding,
        EndpointOverride,
        InvoiceType,
        Polling,
        Processing,
        QuickBooksStatus,
        Tls,
        TokenStore,
    )
    from klearstack_async.transport.fanning import fan_out
    from klearstack_async.transport.tls import InsecureTlsWarning
    from klearstack_async.wire.endpoint import Certainty, Credentials, Endpoint, Replay
    from klearstack_async.wire.form import form_fields
    from klearstack_async.wire.reply import Reply
    from klearstack_async.wire.request import FilePart, Request
    from klearstack_async.wire.source import BytesSource, FileSource, Stream

__all__ = [
    "Account",
    "Attempt",
    "AuthenticationError",
    "BadRequest",
    "Batch",
    "BatchFailed",
    "BatchNotReady",
    "BatchState",
    "Box",
    "BoxText",
    "BrokenAnswer",
    "BulkOptions",
    "BulkReport",
    "BulkRun",
    "BytesSource",
    "Certainty",
    "ClientClosed",
    "ClientOptions",
    "Confirmation",
    "ConnectError",
    "ConnectionDropped",
    "Credentials",
    "Datasource",
    "DatasourceRow",
    "DeadlineExceeded",
    "DecodeError",
    "Document",
    "DocumentList",
    "DocumentOptions",
    "DocumentSet",
    "DocumentType",
    "Encoding",
    "Endpoint",
    "EndpointNotFound",
    "EndpointOverride",
    "Field",
    "FieldUpdate",
    "FilePart",
    "FileSource",
    "InsecureTlsWarning",
    "InvoiceType",
    "JournalError",
    "KlearStack",
    "KlearStackError",
    "OpenTenant",
    "Outcome",
    "OutcomeState",
    "OutcomeUnknown",
    "PageImage",
    "PermissionDenied",
    "Polling",
    "Processing",
    "Progress",
    "QuickBooksStatus",
    "Rate",
    "RateFigures",
    "RateLimited",
    "Redirected",
    "Rejected",
    "Replay",
    "Reply",
    "Request",
    "ResponseError",
    "RetryPolicy",
    "ServerError",
    "SessionPool",
    "SetDocument",
    "SetStatus",
    "Sink",
    "SourceChanged",
    "StallTimeout",
    "Stream",
    "Timeouts",
    "Tls",
    "TlsError",
    "TokenStore",
    "Tokens",
    "TransportError",
    "UnverifiedEndpointWarning",
    "Upload",
    "UploadOptions",
    "WebhookError",
    "__version__",
    "fan_out",
    "form_fields",
    "json_lines",
]

# The imports above once more, for Python itself.
_HOMES = {
    "attempts": ("Attempt",),
    "bulk.engine": ("BulkRun",),
    "bulk.options": ("BulkOptions",),
    "bulk.outcome": ("BulkReport", "Outcome", "OutcomeState"),
    "bulk.progress": ("Progress",),
    "bulk.sinks": ("Sink", "json_lines"),
    "client": ("ClientOptions", "KlearStack"),
    "document": ("Document",),
    "endpoints.unverified": ("UnverifiedEndpointWarning",),
    "endpoints.uploads": ("DocumentOptions", "UploadOptions"),
    "errors": (
        "AuthenticationError",
        "BadRequest",
        "BatchFailed",
        "BatchNotReady",
        "BrokenAnswer",
        "ClientClosed",
        "ConnectError",
        "ConnectionDropped",
        "DeadlineExceeded",
        "DecodeError",
        "EndpointNotFound",
        "JournalError",
        "KlearStackError",
        "OutcomeUnknown",
        "PermissionDenied",
        "RateLimited",
        "Redirected",
        "Rejected",
        "ResponseError",
        "ServerError",
        "SourceChanged",
        "StallTimeout",
        "TlsError",
        "TransportError",
        "WebhookError",
    ),
    "field": ("Box", "Field"),
    "limits": ("Rate", "RateFigures", "RetryPolicy", "Timeouts"),
    "models": (
        "Batch",
        "BatchState",
        "BoxText",
        "Confirmation",
        "Datasource",
        "DatasourceRow",
        "DocumentList",
        "DocumentSet",
        "FieldUpdate",
        "PageImage",
        "SetDocument",
        "SetStatus",
        "Tokens",
        "Upload",
    ),
    "pool": ("OpenTenant", "SessionPool"),
    "settings": (
        "Account",
        "DocumentType",
        "Encoding",
        "EndpointOverride",
        "InvoiceType",
        "Polling",
        "Processing",
        "QuickBooksStatus",
        "Tls",
        "TokenStore",
    ),
    "transport.fanning": ("fan_out",),
    "transport.tls": ("InsecureTlsWarning",),
    "wire.endpoint": ("Certainty", "Credentials", "Endpoint", "Replay"),
    "wire.form": ("form_fields",),
    "wire.reply": ("Reply",),
    "wire.request": ("FilePart", "Request"),
    "wire.source": ("BytesSource", "FileSource", "Stream"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_ROOMS = {home.partition(".")[0] for home in _HOMES}


# Type checkers would believe that it finds whatever is asked for.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _ROOMS:
            return import_module(f"{__name__}.{name}")
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Found at once from now on.
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
