"""The kinds of faults and the groups of endpoints: tables, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Parameter: TypeAlias = float | str | None

ALL = "*"
_AUTH = frozenset(
    {
        "get_access_token",
        "getuserid",
        "getaccesstokenfromuserid",
        "getaccesstokenfromrefreshtoken",
    }
)
_UPLOADS = frozenset({"processdocument", "uploadbatch"})
_RESULTS = frozenset(
    {
        "getbatchdocuments",
        "getdaterangedocuments",
        "getsetresults",
        "getuserdocuments",
        "getmodifiedinvoices",
        "getapproveinvoices",
        "getsetdocuments",
        "getdocument",
    }
)
_READS = _RESULTS | {
    "gettext",
    "getdocumentimage",
    "documentimages",
    "getsetuploadstatus",
    "getsetreferencenumbers",
    "getdatasources",
    "getdatasourcedata",
}
_WRITES = frozenset(
    {
        "update_document",
        "updateqbestatus",
        "approve_reject_doc",
        "retry_push_api",
        "insertdatasource",
        "appenddatasource",
        "update_datasource_row",
        "delete_datasource_row",
        "deletedatasource",
        "updatemappingdataapi",
    }
)
GROUPS: Mapping[str, frozenset[str]] = {
    ALL: _AUTH | _UPLOADS | _READS | _WRITES,
    "auth": _AUTH,
    "uploads": _UPLOADS,
    "reads": _READS,
    "writes": _WRITES,
}
"""Words that stand for several endpoints."""

_LOGINS = frozenset({"get_access_token", "getaccesstokenfromuserid"})
_REFRESH = frozenset({"getaccesstokenfromrefreshtoken"})


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault does, where it can happen, and which parameters it takes, with the defaults."""

    summary: str
    endpoints: frozenset[str] = GROUPS[ALL]
    takes: Mapping[str, Parameter] = field(default_factory=dict)


KINDS: Mapping[str, Kind] = {
    "latency": Kind("wait before anything; adds to other faults", takes={"seconds": 0.05}),
    "processing": Kind("documents take longer to be read", _UPLOADS, {"seconds": 5}),
    "rate_limited": Kind("429, nothing done", takes={"retry_after": 1}),
    "unavailable": Kind("503, nothing done", takes={"retry_after": None}),
    "status_before": Kind("a status, nothing done", takes={"status": 500, "retry_after": None}),
    "status_after": Kind("all done, then a status", takes={"status": 502, "retry_after": None}),
    "reset_before": Kind("connection reset half way through the body, nothing done"),
    "reset_after": Kind("all done, then the connection reset without an answer"),
    "reset_answer": Kind("all done, half of the answer, then the connection reset"),
    "stall_before": Kind("reading stops half way through the body, nothing done"),
    "stall_after": Kind("all done, no answer, the connection stays open"),
    "stall_answer": Kind("all done, half of the answer, the connection stays open"),
    "truncated": Kind("all done, the answer's JSON is cut in the middle"),
    "junk": Kind("all done, text stands before and after the answer's JSON"),
    "garbage": Kind("all done, a 200 with a web page instead of JSON"),
    "token_refused": Kind("401 for a good access token, nothing done", GROUPS[ALL] - _LOGINS),
    "short_token": Kind("access tokens live shortly", _LOGINS | _REFRESH, {"seconds": 2}),
    "refresh_refused": Kind("401 for a good refresh token", _REFRESH),
    "odd_status": Kind(
        "a batch tells its state in other words, still true", frozenset({"getbatchdocuments"})
    ),
    "hostile": Kind("texts read from documents become hostile strings", _RESULTS),
    "close_after": Kind("a right answer, then the connection is closed unannounced"),
    "redirect": Kind("302 to another origin, nothing done"),
}
"""Every kind of fault."""
