"""The table of the API's endpoints, and nothing else.

`page` is the number of the endpoint's page in the vendor's documentation, in its own order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from klearstack_async.wire.request import Replay

__all__ = ["CATALOGUE", "Certainty", "Credentials", "Endpoint"]


class Certainty(StrEnum):
    """How surely an endpoint is known."""

    DOCUMENTED = "documented"
    PARTLY = "partly"
    ASSUMED = "assumed"


class Credentials(StrEnum):
    """Which of the account's data go into the body."""

    FULL = "company_name, username, password"
    COMPANY = "company_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One row of the table.

    Attributes:
        name: What the library calls it: group and method.
        page: The page of the vendor's documentation.
        path: Below the host.
        certainty: How surely it is known.
        credentials: What its body carries.
        bearer: Whether it wants an access token.
        replay: Whether it may be sent again when nobody knows what became of it.
    """

    name: str
    page: int
    path: str
    certainty: Certainty
    credentials: Credentials
    bearer: bool
    replay: Replay


_ROOT = "/access/klearstack/"

_ROWS = (
    Endpoint(
        name="auth.login",
        page=2,
        path=_ROOT + "get_access_token",
        certainty=Certainty.DOCUMENTED,
        credentials=Credentials.FULL,
        bearer=False,
        replay=Replay.SAFE,
    ),
    Endpoint(
        name="auth.refresh",
        page=5,
        path=_ROOT + "getaccesstokenfromrefreshtoken",
        certainty=Certainty.DOCUMENTED,
        credentials=Credentials.COMPANY,
        bearer=True,
        replay=Replay.SAFE,
    ),
    Endpoint(
        name="uploads.document",
        page=6,
        path=_ROOT + "processdocument",
        certainty=Certainty.DOCUMENTED,
        credentials=Credentials.FULL,
        bearer=True,
        # A second upload is a second document.
        replay=Replay.UNSAFE,
    ),
    Endpoint(
        name="uploads.archive",
        page=7,
        path=_ROOT + "uploadbatch",
        certainty=Certainty.DOCUMENTED,
        credentials=Credentials.FULL,
        bearer=True,
        # A second upload is a second set of documents.
        replay=Replay.UNSAFE,
    ),
    Endpoint(
        name="results.in_batch",
        page=8,
        path=_ROOT + "getbatchdocuments",
        certainty=Certainty.PARTLY,
        credentials=Credentials.FULL,
        bearer=True,
        replay=Replay.SAFE,
    ),
)

CATALOGUE: Mapping[str, Endpoint] = {row.name: row for row in _ROWS}
