"""What a case is: one row of the table, as a value. Nothing here runs anything.

A case is a module in `benchmarks/cases/` with a constant `CASE`; its name is the module's, with
hyphens. The first contender is always ours. Contenders, `prepare` and `check` are functions at the
top of the module; a contender imports what it needs inside of itself, so that no process carries
another contender's libraries:

    async def ours(setting: Setting) -> Figures:
        from klearstack_async import KlearStack

        async with KlearStack(...) as ks:
            await ks.auth.login()                      # set-up is not measured
            async with measured() as measure:
                ...                                    # the whole work
        return measure.figures(items=setting["calls"])

    CASE = Case(
        name="small-calls",
        title="6-field calls, 50 at a time",
        contenders={"klearstack_async": ours, "httpx": httpx_client},
        goals=(Goal("httpx", 12),),
        server="plain",
        quick={"calls": 200},
        full={"calls": 20_000},
    )
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["Case", "Contender", "Figures", "Goal", "Limit", "Setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a contender is told: how much to do, where to send it, and where its files are.

    Attributes:
        amounts: The case's `quick` or `full`; `setting["calls"]` gives one of them.
        directory: What `prepare` wrote is here. It lives as long as the case runs.
        url: The server's address, `https://localhost:...` for TLS; empty without a server.
        ca_file: The authority of the server's certificate; empty without TLS.
        hostile: The share of documents with hostile strings, 0 to 1.
    """

    amounts: Mapping[str, Any]
    directory: str
    url: str = ""
    ca_file: str = ""
    hostile: float = 0.0

    def __getitem__(self, name: str) -> Any:
        return self.amounts[name]

    @property
    def path(self) -> Path:
        """The directory, as a path."""
        return Path(self.directory)

    def to_json(self) -> str:
        """Write it for a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Setting:
        """Read it again."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of one contender took.

    Attributes:
        wall_seconds: From the work's beginning to its end; set-up is not in it.
        cpu_seconds: User's and system's, of all threads, in the same time.
        grown_bytes: How much the process's peak memory exceeds what it had before the work; None
            where that can't be told.
        stall_seconds: The longest time the loop was held; None without a loop.
        items: How many items were done. Ratios compare seconds per item, so a slow peer may do
            fewer; the table marks it.
        extra: Figures of the case's own, for `Limit` and `Goal`, such as `first_document_seconds`.
    """

    wall_seconds: float
    cpu_seconds: float
    grown_bytes: int | None
    stall_seconds: float | None
    items: int = 1
    extra: Mapping[str, float] = field(default_factory=dict)

    def value(self, name: str) -> float | None:
        """Give a figure by name. Seconds are per item, `per_second` is items per second."""
        if name in {"wall_seconds", "cpu_seconds"}:
            seconds: float = getattr(self, name)
            return seconds / self.items
        if name == "per_second":
            return self.items / self.wall_seconds
        if name in self.extra:
            return self.extra[name]
        found: float | None = getattr(self, name)
        return found

    def to_json(self) -> str:
        """Write it as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Figures:
        """Read it again."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Goal:
    """What to reach against one peer.

    Attributes:
        against: The contender's name.
        ratio: `at_least`: theirs / ours, a speed-up. `at_most`: ours / theirs, a cost.
        kind: Which of the two.
        figure: What is compared; a name that `Figures.value` knows.
        of: Which of our contenders, if the case has several; the first if left out.
    """

    against: str
    ratio: float
    kind: Literal["at_least", "at_most"] = "at_least"
    figure: str = "wall_seconds"
    of: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """What our own figure has to keep to, whatever the peers do; it is the runs' median.

    Attributes:
        title: What the table calls it, such as `first document`.
        figure: A name that `Figures.value` knows.
        bound: The figure's limit.
        kind: On which side of it to be.
        unit: `s`, `B` (shown as ms and MB), or nothing for a plain number.
    """

    title: str
    figure: str
    bound: float
    kind: Literal["at_least", "at_most"] = "at_most"
    unit: Literal["s", "B", ""] = ""


Contender = Callable[[Setting], Figures] | Callable[[Setting], Awaitable[Figures]]


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: The module's name with hyphens.
        title: The row's first cell.
        contenders: Ours first. A sync function is called, an async one is run in a plain asyncio
            loop (no uvloop: it would speed up some and not others).
        goals: What to reach against peers.
        limits: What our own figures have to keep to.
        server: `plain` or `tls`: `benchmarks/server.py` runs beside, on another core. Or a module
            that is run as `python -m MODULE SETTING_AS_JSON`, prints one line of JSON,
            `{"url": ..., "ca_file": ...}` (the latter if wanted), once it listens, and ends when
            its standard input does.
        quick: The amounts for a run of about a second per contender, or less.
        full: The amounts for the official figures: 0.5 to 3 s per contender.
        prepare: Writes files into `setting.directory`, before the server starts. If it writes
            `answer.json` (or several, `answer-00.json` ...), the server answers calls for results
            with it (with one after the other, over and over).
        check: Raises if a contender didn't do all of it; called in its process after it ran.
        needs: By contender, what must be there: module names, or `$curl` for a program. A
            contender that lacks it is left out, and the table says so.
        may_fall: How much slower ours may become with 1 % of hostile documents (0.1 is 10 %);
            None where no document is read.
        beside: By contender without a goal, which of ours it is compared with, if that isn't the
            first.
        is_race: Whether the time itself is compared, also where there is no goal; False where it
            is the same for all by design, or where there is only a cost to keep to.
    """

    name: str
    title: str
    contenders: Mapping[str, Contender]
    quick: Mapping[str, Any]
    full: Mapping[str, Any]
    goals: tuple[Goal, ...] = ()
    limits: tuple[Limit, ...] = ()
    server: str | None = None
    prepare: Callable[[Setting], None] | None = None
    check: Callable[[Setting, Figures], None] | None = None
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    may_fall: float | None = None
    beside: Mapping[str, str] = field(default_factory=dict)
    is_race: bool = True

    @property
    def ours(self) -> str:
        """The name of our contender."""
        return next(iter(self.contenders))

    def is_ours(self, contender: str) -> bool:
        """Whether a contender is one of ours: they are all called after the first."""
        return contender.startswith(self.ours.partition(",")[0])
