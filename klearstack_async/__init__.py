"""Asyncio-native, unofficial client for KlearStack's document-extraction API."""

from klearstack_async._version import __version__
from klearstack_async.bulk.engine import BulkRun
from klearstack_async.bulk.options import BulkOptions
from klearstack_async.bulk.outcome import BulkReport, Outcome, OutcomeState
from klearstack_async.client import KlearStack
from klearstack_async.document import Document
from klearstack_async.endpoints.uploads import DocumentOptions, UploadOptions
from klearstack_async.errors import (
    AuthenticationError,
    BadRequest,
    BatchFailed,
    BatchNotReady,
    ConnectError,
    ConnectionDropped,
    DecodeError,
    EndpointNotFound,
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
    TransportError,
)
from klearstack_async.field import Box, Field
from klearstack_async.models import Batch, BatchState, Tokens, Upload
from klearstack_async.settings import (
    Account,
    DocumentType,
    InvoiceType,
    Polling,
    Processing,
    Timeouts,
    Tls,
)
from klearstack_async.wire.source import Stream

__all__ = [
    "Account",
    "AuthenticationError",
    "BadRequest",
    "Batch",
    "BatchFailed",
    "BatchNotReady",
    "BatchState",
    "Box",
    "BulkOptions",
    "BulkReport",
    "BulkRun",
    "ConnectError",
    "ConnectionDropped",
    "DecodeError",
    "Document",
    "DocumentOptions",
    "DocumentType",
    "EndpointNotFound",
    "Field",
    "InvoiceType",
    "KlearStack",
    "KlearStackError",
    "Outcome",
    "OutcomeState",
    "OutcomeUnknown",
    "PermissionDenied",
    "Polling",
    "Processing",
    "RateLimited",
    "Redirected",
    "Rejected",
    "ResponseError",
    "ServerError",
    "SourceChanged",
    "StallTimeout",
    "Stream",
    "Timeouts",
    "Tls",
    "Tokens",
    "TransportError",
    "Upload",
    "UploadOptions",
    "__version__",
]
