"""All tables of the database: each module that keeps something contributes its own.

The texts run at every start, in this order, so each must be harmless on tables that are there.
"""

from __future__ import annotations

from klearstack_async.sandbox import (
    datasource_records,
    edits,
    mapping,
    push_records,
    records,
    users,
)

SCHEMAS: tuple[str, ...] = (
    records.SCHEMA,
    users.SCHEMA,
    edits.SCHEMA,
    mapping.SCHEMA,
    datasource_records.SCHEMA,
    push_records.SCHEMA,
)
