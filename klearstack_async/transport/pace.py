"""When the next call may go: a rate, and how refusals change it. Arithmetic, and nothing else.

There is no loop and no clock in here: times are passed in, as seconds of a clock that only goes
forward. The limiter has both.

Within the rate, calls are spaced by GCRA (the leaky bucket as a meter): one number, the instant up
to which the calls that went have used the rate up. A call may go if that is no further ahead than
the burst allows.

The rate adapts as TCP's CUBIC does (RFC 9438), in calls per second instead of bytes in flight:

    refused ── pause ──┤ plateau: just below what was refused │ probing: slowly, then ever faster
                                                              until refused, or back to where
                                                              it would be without refusals

What is one answer's doing must not be punished twice: a refusal of a call that was sent before the
pause ended tells nothing new about the rate.
"""

from __future__ import annotations

import math
from collections import deque

from klearstack_async.limits import LONGEST_RETRY_AFTER_SECONDS, Rate

__all__ = ["Pace"]

# A burst of 10 ms covers the timers' grain of 1 ms, and a loop that was busy for a moment; with a
# burst of one call, the grain costs 12 to 15 % of a high rate.
_BURST_SECONDS = 0.01
# Less than any timer can tell, more than the last digits of sums of times come to: a burst of ten
# is ten, and not nine because the tenth is early by 1e-13 s.
_ROUNDING_SECONDS = 1e-7

# Without Retry-After, as gentle as the usual back-off: an outage of 30 s is asked five times.
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_OWN_PAUSE_SECONDS = 30.0

# Without Retry-After, or if nothing was accepted since the last pause, this may be an outage, or
# somebody else uses the account up. Until something is accepted, one call a second feels the way,
# instead of everything that waits; not just one call in all: that one may be an upload of an hour.
_FEELER_PER_SECOND = 1.0

# Just below the pace that was refused. A window of 50 that is filled at 49 refuses nothing.
_BELOW = 0.95
# How long to stay there. Being refused costs the pause, mostly a second: once in 25 s is 4 %.
_HOLD_SECONDS = 20.0
# Beyond the plateau, the growth is (t / _GROWTH_SECONDS) ** 3: 5 % after 4 s, the double after
# 10 s, tenfold after 21 s, so that a limit that was lifted is noticed within a minute.
_GROWTH_SECONDS = 10.0
# At a thousand times the plateau, the refusal is history.
_FORGET_AFTER_GROWTHS = 10.0

# A guess from few calls is soon put to the test: 5 that were accepted at once may be the whole of
# a bucket that fills at 50/s. From 100 calls on, it is as good as a pace that was tried.
_HOLD_SECONDS_PER_CALL = 0.2
_SHORTEST_HOLD_SECONDS = 1.0

# Each slow-down halves what the pace is too high by, as a factor. If so many in a row didn't help,
# it isn't the pace: some services refuse one call in a hundred by chance, however slow they come.
# What is refused for its pace is refused together with others that were under way.
_MOST_IN_VAIN = 8

# With nine calls in ten of those allowed, the allowance is used, and not the number of calls low.
_USED = 0.9

# Slower than this is what Retry-After is for; and a call that goes now fixes when the next may.
_SLOWEST_PER_SECOND = 0.1

# What was accepted lately, noted four times a second, for the last minute or more: most limits
# are per second or per minute.
_MARK_SECONDS = 0.25
_MARKS = 240


class Pace:
    """One account's pace.

    Attributes:
        unlimited: Nothing holds a call back now; there is no need to ask for the time. May be
            False for a while after it has become true: `earliest` notices.
    """

    __slots__ = (
        "_accepted",
        "_adapting",
        "_barren",
        "_feeling",
        "_growth_seconds",
        "_guess_per_call",
        "_hold_seconds",
        "_in_vain",
        "_interval",
        "_longest_pause_seconds",
        "_marks",
        "_most",
        "_next_feeler_at",
        "_plateau",
        "_rate",
        "_resumes_at",
        "_together",
        "_tolerance",
        "_used_until",
        "unlimited",
    )

    def __init__(
        self, rate: Rate, *, longest_pause_seconds: float = LONGEST_RETRY_AFTER_SECONDS
    ) -> None:
        """Begin at the full rate, well rested.

        Args:
            rate: What the user allows; it is never exceeded.
            longest_pause_seconds: The longest pause that one refusal brings about.
        """
        self._rate = rate
        self._longest_pause_seconds = longest_pause_seconds
        self._most = math.inf if rate.per_second is None else rate.per_second
        self._used_until = -math.inf
        # What refusals have done: the pause, and the pace that is held after it.
        self._resumes_at = -math.inf
        self._plateau = math.inf
        self._hold_seconds = _HOLD_SECONDS
        self._growth_seconds = _GROWTH_SECONDS
        self._adapting = False
        self._feeling = False
        self._next_feeler_at = -math.inf
        # How many episodes in a row came with nothing accepted in between; the first is none.
        self._barren = -1
        # What was accepted since the pause: how much, and how much it was at certain times.
        self._accepted = 0
        # How many slow-downs in a row were followed by a refusal before the pace was raised, and
        # how many were refused together the last time.
        self._in_vain = 0
        self._together = 0
        # By how much each call that turns out to be accepted raises a plateau that was a guess.
        self._guess_per_call = 0.0
        self._marks: deque[tuple[float, int]] = deque(maxlen=_MARKS)
        self._interval = 0.0
        self._set(self._most, 0.0)

    def earliest(self, now: float) -> float:
        """Say when the next call may go; at once if that isn't later than now."""
        if self.unlimited:
            return now
        if self._adapting:
            self._adapt(now)
        return max(self._used_until - self._tolerance, self._resumes_at, self._next_feeler_at)

    def take(self, now: float) -> None:
        """Note that a call goes now. Whether it may is what `earliest` is asked before."""
        if self._interval:
            self._used_until = max(now, self._used_until) + self._interval
        if self._feeling:
            self._next_feeler_at = now + 1.0 / _FEELER_PER_SECOND

    def give_back(self, now: float) -> None:
        """Note that a call that was taken just before didn't go after all."""
        self._used_until = max(now, self._used_until - self._interval)
        if self._feeling:
            self._next_feeler_at = now

    def accepted(self, now: float) -> None:
        """Note an answer that was neither 429 nor 503."""
        if now < self._resumes_at:
            # To a call from before the pause, so it doesn't say that the pause has helped. But it
            # was taken, too: of twenty at once, many are answered after the first that is refused.
            if self._guess_per_call:
                known = 0.0 if math.isinf(self._plateau) else self._plateau
                self._plateau = known + self._guess_per_call
                self._feeling, self._next_feeler_at = False, -math.inf
                self._set(self._pace(now), now)
            return
        if not self._marks or now - self._marks[-1][0] >= _MARK_SECONDS:
            self._marks.append((now, self._accepted))
        self._accepted += 1
        if self._feeling:
            self._feeling = False
            self._next_feeler_at = -math.inf

    def refused(self, now: float, sent_at: float, retry_after_seconds: float | None) -> None:
        """Note an answer 429 or 503: everything pauses, and the rate is lowered.

        Args:
            now: When the answer came.
            sent_at: When its call went.
            retry_after_seconds: How long the service wants to be left alone, if it says so.
        """
        asked = min(retry_after_seconds or 0.0, self._longest_pause_seconds)
        if sent_at < self._resumes_at:
            # From before the pause: the service may want more rest, but it is the same episode.
            self._together += 1
            if now + asked > max(now, self._resumes_at):
                self._pause_until(now + asked, now)
            return
        self._barren = 0 if self._accepted else self._barren + 1
        # A service that says 0 has rounded down: that is no time to wait.
        pause = asked if asked > 0 else self._own_pause()
        if self._accepted:
            self._slow_down(now, sent_at, pause)
        elif math.isinf(self._plateau) and asked > 0:
            # The first answer of all may be a refusal: it overtakes those that take longer.
            self._guess_per_call = _BELOW / pause
            self._hold_seconds = self._growth_seconds = _SHORTEST_HOLD_SECONDS
        self._together = 1
        self._feeling = not self._accepted or not asked > 0
        self._accepted = 0
        self._marks.clear()
        self._pause_until(now + pause, now)

    def per_second(self, now: float) -> float | None:
        """Give the rate at which calls go now, or after the pause; None for no limit."""
        pace = min(self._pace(now), _FEELER_PER_SECOND if self._feeling else math.inf)
        return None if math.isinf(pace) else pace

    def paused_seconds(self, now: float) -> float:
        """Give how long nothing goes yet because the service wants to be left alone."""
        return max(0.0, self._resumes_at - now)

    def _pause_until(self, resumes_at: float, now: float) -> None:
        self._resumes_at = resumes_at
        self._adapting = True
        self._set(self._pace(now), now)

    def _own_pause(self) -> float:
        longest = min(_LONGEST_OWN_PAUSE_SECONDS, self._longest_pause_seconds)
        # Bounded, because a power of ten thousand is no float.
        return min(_FIRST_PAUSE_SECONDS * 2.0 ** min(self._barren, 10), longest)

    def _slow_down(self, now: float, sent_at: float, pause: float) -> None:
        """Choose the plateau: between what the service surely takes and what it has refused."""
        calls, taken = self._taken(now, pause)
        refused = min(self._pace(sent_at), self._recent(now))
        if math.isinf(refused):
            plateau = _BELOW * taken
            self._guess_per_call = plateau / calls
            self._hold_seconds = _between(
                _SHORTEST_HOLD_SECONDS, calls * _HOLD_SECONDS_PER_CALL, _HOLD_SECONDS
            )
        else:
            self._guess_per_call = 0.0
            held = sent_at >= self._resumes_at + self._hold_seconds
            proven = self._plateau if held and self._plateau < math.inf else 0.0
            # Retry-After is in whole seconds, so that what is taken is mostly underestimated:
            # the truth is between, and the mean of the two in proportion is off by the least.
            plateau = min(_BELOW * refused, max(proven, math.sqrt(taken * refused)))
            if sent_at - self._resumes_at >= _HOLD_SECONDS or self._together > 2:
                self._in_vain = 0
            else:
                self._in_vain = max(0, self._in_vain + (-1 if held else 1))
            in_vain = self._in_vain >= _MOST_IN_VAIN
            self._hold_seconds = _SHORTEST_HOLD_SECONDS if in_vain else _HOLD_SECONDS
        self._growth_seconds = min(_GROWTH_SECONDS, self._hold_seconds)
        self._plateau = max(plateau, min(_SLOWEST_PER_SECOND, self._most))

    def _taken(self, now: float, pause: float) -> tuple[int, float]:
        """Give the best of what was accepted lately, by the time until more will be.

        A service with a window of a second or a minute takes so many in the time from when it was
        fresh to the end of the pause. When that was is not known: the busiest stretch tells.
        """
        best_calls, best = 0, 0.0
        for at, before in self._marks:
            elapsed, calls = now - at, self._accepted - before
            if pause >= 1:
                # Windows are whole seconds, and so is Retry-After: rounded up, it has the part of
                # a second in it that is over already.
                elapsed = math.floor(elapsed)
            if calls / (elapsed + pause) > best:
                best_calls, best = calls, calls / (elapsed + pause)
        return best_calls, best

    def _recent(self, now: float) -> float:
        """Give the pace of about the last second as measured, if that is less than was allowed.

        When there are few calls to make, the pace that is allowed is far from what was refused.
        Infinite if the allowance was used, or if it is too early to tell.
        """
        for at, before in reversed(self._marks):
            if now - at >= 1:
                recent = (self._accepted - before) / (now - at)
                return recent if recent < _USED * self._pace(at) else math.inf
        return math.inf

    def _pace(self, now: float) -> float:
        """Give the calls per second that are allowed at a time since the last refusal."""
        growths = (now - self._resumes_at - self._hold_seconds) / self._growth_seconds
        if growths > _FORGET_AFTER_GROWTHS:
            return self._most
        return min(self._most, self._plateau * (1.0 + max(0.0, growths) ** 3))

    def _adapt(self, now: float) -> None:
        pace = self._pace(now)
        self._set(pace, now)
        if pace == self._most and not self._feeling and now >= self._resumes_at:
            self._plateau = math.inf
            self._adapting = False

    def _set(self, pace: float, now: float) -> None:
        interval = 0.0 if math.isinf(pace) else 1.0 / pace
        if self._interval and self._used_until > now:
            # What was used stays so many calls, or each slow-down would be good for a new burst.
            self._used_until = now + (self._used_until - now) * (interval / self._interval)
        self._interval = interval
        if self._rate.burst is None:
            # Not rounded: at 150/s, a half call's worth of lateness can be caught up with.
            tolerance = max(0.0, _BURST_SECONDS - self._interval)
        else:
            tolerance = (self._rate.burst - 1) * self._interval
        # With no burst, calls are never closer than the interval: a window of 50 takes them all.
        self._tolerance = tolerance + _ROUNDING_SECONDS if tolerance else 0.0
        self.unlimited = math.isinf(pace) and now >= self._resumes_at and not self._feeling


def _between(least: float, value: float, most: float) -> float:
    return max(least, min(value, most))
