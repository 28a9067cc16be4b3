"""The table of the API's endpoints, for a terminal or for a pipe; a pipe gets all columns."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from klearstack_async.wire.endpoint import ROOT, Certainty, Endpoint, Replay

__all__ = ["show_endpoints"]

_HEADINGS = ("page", "method", "path", "known", "sent again")
# From here on there is room for the reason why a call may be sent again, or not.
_WIDE = 120
_STYLES = {
    Certainty.DOCUMENTED: "green",
    Certainty.PARTLY: "cyan",
    Certainty.ASSUMED: "yellow",
    Certainty.OVERRIDDEN: "magenta",
}


def show_endpoints(console: Console, endpoints: Iterable[Endpoint]) -> None:
    """Print the endpoints; a pipe gets tab-separated lines.

    Args:
        console: Where to.
        endpoints: The rows, in order.
    """
    rows = list(endpoints)
    if not console.is_terminal:
        for line in (_HEADINGS, *map(_cells, rows)):
            # Not by rich, which makes blanks of tabs.
            console.file.write("\t".join(line) + "\n")
        return
    columns = _columns_for(console.width)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading in columns:
        table.add_column(heading, justify="right" if heading == "page" else "left", overflow="fold")
    for row in rows:
        cells = dict(zip(_HEADINGS, map(Text, _cells(row)), strict=True))
        cells["path"] = Text(row.path.removeprefix(ROOT))
        cells["known"].stylize(_STYLES[row.certainty])
        table.add_row(*(cells[heading] for heading in columns))
    console.print(table)
    console.print(f"\nPaths without a slash are below {ROOT}", highlight=False)
    if any(row.certainty is Certainty.ASSUMED for row in rows):
        console.print(
            "Assumed: the vendor has such a page, but its content is not known here; the first "
            "call of each warns. Set what your service calls it with endpoints= in code, "
            "KLEARSTACK_ENDPOINTS or a configuration file.",
            highlight=False,
        )


def _columns_for(width: int) -> tuple[str, ...]:
    return _HEADINGS if width >= _WIDE else _HEADINGS[:-1]


def _cells(endpoint: Endpoint) -> tuple[str, ...]:
    known = "set by you" if endpoint.certainty is Certainty.OVERRIDDEN else endpoint.certainty.value
    replay = "safe" if endpoint.replay is Replay.SAFE else "not safe"
    page = "" if endpoint.page is None else str(endpoint.page)
    return page, endpoint.name, endpoint.path, known, f"{replay}: {endpoint.reason}"
