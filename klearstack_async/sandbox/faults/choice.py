"""Which faults a request meets. Pure but for the counts: no clock, no sockets, seeded draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from klearstack_async.sandbox.faults.fault import Fault, check_faults


@dataclass(frozen=True, slots=True)
class Choice:
    """What one request meets: a wait, a fault, both or nothing.

    `seed` is for a fault that has several ways of going wrong.
    """

    wait_seconds: float = 0.0
    fault: Fault | None = None
    seed: int = 0


_NOTHING = Choice()


class Faults:
    """The faults of one sandbox, and what came of them.

    The same seed and the same sequence of requests to an endpoint give the same faults there,
    whatever happens at other endpoints between (but `times` counts over all of them).
    """

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self.made: Counter[str] = Counter()
        self._seed = seed
        self.replace(faults)

    @property
    def faults(self) -> list[Fault]:
        """Those in force, in the order in which they are tried."""
        return self._faults

    def replace(self, faults: Iterable[Fault]) -> None:
        """Make others from now on; their draws and their `times` begin anew.

        Raises:
            ValueError: One is for an endpoint that there isn't.
        """
        self._faults = check_faults(faults)
        self._streams: dict[tuple[str, str, Fault], Random] = {}
        self._times: Counter[Fault] = Counter()

    def choose(self, endpoint: str, asked: Iterable[Fault] = ()) -> Choice:
        """Draw for one request; what it asks for itself comes first.

        Of those that hit, all waits are made, and of the others the first.
        """
        # Every one draws, hit or not, so that none depends on the others' luck.
        hits = [fault for fault in (*asked, *self._faults) if self._hits(endpoint, fault)]
        if not hits:
            return _NOTHING
        waits = [fault for fault in hits if fault.kind == "latency"]
        fault = next((fault for fault in hits if fault.kind != "latency"), None)
        for made in (*waits, fault):
            if made is not None:
                self._times[made] += 1
                self.made[made.kind] += 1
        seed = 0 if fault is None else self._stream("effect", endpoint, fault).getrandbits(64)
        return Choice(sum(wait.seconds or 0 for wait in waits), fault, seed)

    def take_back(self, fault: Fault) -> None:
        """Say that a chosen fault found nothing that it could spoil."""
        self._times[fault] -= 1
        self.made[fault.kind] -= 1

    def _hits(self, endpoint: str, fault: Fault) -> bool:
        if not fault.is_for(endpoint):
            return False
        if fault.times is not None and self._times[fault] >= fault.times:
            return False
        return self._stream("hit", endpoint, fault).random() < fault.probability

    def _stream(self, purpose: str, endpoint: str, fault: Fault) -> Random:
        key = (purpose, endpoint, fault)
        if key not in self._streams:
            # Of a text, since Python's own hashes differ from run to run.
            self._streams[key] = Random(f"{self._seed} {purpose} {endpoint} {fault}")  # noqa: S311 - not for secrets
        return self._streams[key]
