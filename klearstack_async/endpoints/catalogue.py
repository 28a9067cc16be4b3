"""The table of the API's endpoints, and nothing else.

`page` is the number of the endpoint's page in the vendor's documentation, in its own order. Two
pages are no endpoints: 1 is the welcome page, 20 says how KlearStack calls you (`webhooks.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from klearstack_async.settings import EndpointOverride
from klearstack_async.wire.endpoint import (
    ROOT,
    Certainty,
    Credentials,
    Endpoint,
    Replay,
    overridden,
)

__all__ = ["CATALOGUE", "with_overrides"]

_DOCUMENTED, _PARTLY, _ASSUMED = Certainty.DOCUMENTED, Certainty.PARTLY, Certainty.ASSUMED
_FULL, _USER, _COMPANY = Credentials.FULL, Credentials.USER, Credentials.COMPANY

_READS = "it only reads"
_ONE_MORE_TOKEN = "a token more does no harm"  # noqa: S105 - no token is in here
_STORED_TWICE = "sending it again may store it twice"
_LOST = "asking again may skip what was modified: the service remembers the last pull"
_OVERWRITES = "sending it again may undo what somebody else wrote since"
_DECIDED_TWICE = "a decision that was taken is refused the second time"
_UNCLEAR = "whether it reads or writes isn't documented"
_PUSHED_TWICE = "the documents may be pushed twice"
_ROWS_TWICE = "sending it again may add the rows twice"
_DELETED = "what was deleted is refused the second time, or another of that name is deleted"


def _row(  # noqa: PLR0917 - the columns of the table, in their order
    page: int,
    name: str,
    path: str,
    certainty: Certainty,
    credentials: Credentials,
    replay: Replay,
    reason: str,
    *,
    bearer: bool = True,
) -> Endpoint:
    return Endpoint(
        name=name,
        path=path if path.startswith("/") else ROOT + path,
        page=page,
        certainty=certainty,
        credentials=credentials,
        bearer=bearer,
        replay=replay,
        reason=reason,
    )


_SAFE, _UNSAFE = Replay.SAFE, Replay.UNSAFE

# One row, one line: this is a table.
# fmt: off
_ROWS = (
    _row(2, "auth.login", "get_access_token", _DOCUMENTED, _FULL, _SAFE, _ONE_MORE_TOKEN, bearer=False),
    _row(3, "auth.user_id", "getuserid", _PARTLY, _COMPANY, _SAFE, _READS),
    _row(4, "auth.login_as", "getaccesstokenfromuserid", _DOCUMENTED, _COMPANY, _SAFE, _ONE_MORE_TOKEN, bearer=False),
    _row(5, "auth.refresh", "getaccesstokenfromrefreshtoken", _DOCUMENTED, _COMPANY, _SAFE, _ONE_MORE_TOKEN),
    _row(6, "uploads.document", "processdocument", _DOCUMENTED, _FULL, _UNSAFE, _STORED_TWICE),
    _row(7, "uploads.archive", "uploadbatch", _DOCUMENTED, _FULL, _UNSAFE, _STORED_TWICE),
    _row(8, "results.in_batch", "getbatchdocuments", _PARTLY, _FULL, _SAFE, _READS),
    _row(9, "results.between", "getdaterangedocuments", _ASSUMED, _FULL, _SAFE, _READS),
    _row(10, "results.in_set", "getsetresults", _ASSUMED, _FULL, _SAFE, _READS),
    _row(11, "results.of_user", "getuserdocuments", _DOCUMENTED, _FULL, _SAFE, _READS),
    _row(12, "results.modified", "getmodifiedinvoices", _PARTLY, _FULL, _UNSAFE, _LOST),
    _row(13, "results.approved", "getapproveinvoices", _DOCUMENTED, _FULL, _SAFE, _READS),
    _row(14, "documents.get", "getdocument", _ASSUMED, _COMPANY, _SAFE, _READS),
    _row(15, "documents.update", "update_document", _PARTLY, _COMPANY, _UNSAFE, _OVERWRITES),
    _row(16, "documents.set_quickbooks_status", "updateqbestatus", _DOCUMENTED, _FULL, _UNSAFE, _OVERWRITES),
    _row(17, "documents.approve_or_reject", "approve_reject_doc", _DOCUMENTED, _COMPANY, _UNSAFE, _DECIDED_TWICE),
    _row(18, "documents.text_in_box", "gettext", _PARTLY, _COMPANY, _UNSAFE, _UNCLEAR),
    _row(19, "images.get", "getdocumentimage", _ASSUMED, _COMPANY, _SAFE, _READS),
    _row(21, "push.retry", "/klearstack/retry_push_api", _DOCUMENTED, _USER, _UNSAFE, _PUSHED_TWICE),
    _row(22, "datasources.create", "insertdatasource", _PARTLY, _COMPANY, _UNSAFE, _ROWS_TWICE),
    _row(23, "datasources.list", "getdatasources", _ASSUMED, _COMPANY, _SAFE, _READS),
    _row(24, "datasources.rows", "getdatasourcedata", _ASSUMED, _COMPANY, _SAFE, _READS),
    _row(25, "datasources.append", "appenddatasource", _DOCUMENTED, _COMPANY, _UNSAFE, _ROWS_TWICE),
    _row(26, "datasources.update_row", "update_datasource_row", _PARTLY, _COMPANY, _UNSAFE, _OVERWRITES),
    _row(27, "datasources.delete_row", "delete_datasource_row", _ASSUMED, _COMPANY, _UNSAFE, _DELETED),
    _row(28, "datasources.delete", "deletedatasource", _ASSUMED, _COMPANY, _UNSAFE, _DELETED),
    _row(29, "sets.documents", "getsetdocuments", _ASSUMED, _FULL, _SAFE, _READS),
    _row(30, "sets.upload_status", "getsetuploadstatus", _ASSUMED, _FULL, _SAFE, _READS),
    _row(31, "sets.references", "getsetreferencenumbers", _ASSUMED, _FULL, _SAFE, _READS),
    _row(32, "fields.update_mapping", "/klearstack/updatemappingdataapi", _DOCUMENTED, _USER, _UNSAFE, _OVERWRITES),
)
# fmt: on

# Methods that share an endpoint with another, or are called otherwise than it.
_ROW_OF = {
    "documents.approve": "documents.approve_or_reject",
    "documents.reject": "documents.approve_or_reject",
    "images.save": "images.get",
    "results.wait": "results.in_batch",
    "uploads.bundle": "uploads.archive",
}

CATALOGUE: Mapping[str, Endpoint] = {row.name: row for row in _ROWS}


def with_overrides(
    overrides: Mapping[str, str | EndpointOverride] | None,
) -> Mapping[str, Endpoint]:
    """Give the catalogue as the user has set it.

    Raises:
        ValueError: There is no endpoint of such a name; the message says which are like it.
    """
    found = dict(CATALOGUE)
    if not isinstance(overrides or {}, Mapping):
        raise TypeError(f"endpoints are a mapping of names to paths, not {overrides!r}")
    for name, override in (overrides or {}).items():
        if name not in found:
            close = [_ROW_OF[name]] if name in _ROW_OF else get_close_matches(str(name), found, n=1)
            advice = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(found)}"
            raise ValueError(f"there is no endpoint {name!r}; {advice}")
        try:
            found[name] = overridden(found[name], EndpointOverride.of(override))
        except ValueError as error:
            raise ValueError(f"endpoint {name}: {error}") from None
    return found
