"""What a run does while the service can't be reached or takes nothing: wait, and try now and then.

Fifty thousand documents must not fail one after the other because the service is away for twenty
minutes. Pure: the time is passed in.
"""

from __future__ import annotations

__all__ = ["Outage"]

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 60.0


class Outage:
    """Whether there is one, and since when.

    Attributes:
        error: What went wrong last; None as long as nothing is wrong.
    """

    def __init__(self, *, longest_seconds: float, most_doubts: int) -> None:
        """Begin without one.

        Args:
            longest_seconds: After how long a run should give up.
            most_doubts: So many uploads in a row whose end isn't known are an outage, too: going on
                would put every document in doubt.
        """
        self._longest_seconds = longest_seconds
        self._most_doubts = most_doubts
        self._since: float | None = None
        self._pauses = 0
        self._doubts = 0
        self.error: Exception | None = None

    def is_on(self) -> bool:
        """Whether uploads should be tried one at a time, with a pause before each."""
        return self._since is not None

    def failed(self, error: Exception, now: float) -> None:
        """Note an upload that the service didn't take, and that was not its own fault."""
        self.error = error
        self._since = now if self._since is None else self._since

    def doubted(self, error: Exception, now: float) -> None:
        """Note an upload whose end isn't known."""
        self._doubts += 1
        if self._doubts >= self._most_doubts:
            self.failed(error, now)

    def passed(self) -> None:
        """Note that the service has taken something, or refused it for a reason of its own."""
        self._since, self._pauses, self._doubts, self.error = None, 0, 0, None

    def is_over_limit(self, now: float) -> bool:
        """Whether it has lasted longer than a run should wait."""
        return self._since is not None and now - self._since >= self._longest_seconds

    def pause_seconds(self, chance: float) -> float:
        """Give the pause before the next try: it doubles each time, with jitter.

        Args:
            chance: Drawn evenly between 0 and 1.
        """
        longest = _FIRST_SECONDS * 2.0 ** min(self._pauses, 16)
        # Not by failures: many that were under way fail together.
        self._pauses += 1
        return min(_LONGEST_SECONDS, longest, self._longest_seconds) * (0.5 + chance / 2)
