"""Carrying a call out: its attempts, and what each of them has to wait for.

    carry -> _whole_attempt -> _attempt -> _in_turn -> _connected -> _timed -> Call.run
                            '-> Call.rest

An attempt waits for a place among the account's calls, the account's turn, a connection and a
token, in this order: what is scarce for others is taken last, and a token last of all, because it
gets no better by waiting.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from klearstack_async.attempts import OnAttempt
from klearstack_async.call import Call, final_error
from klearstack_async.errors import AuthenticationError, KlearStackError, ResponseError
from klearstack_async.limits import RateFigures
from klearstack_async.telling import tell
from klearstack_async.transport.body import SourceFailed
from klearstack_async.transport.clock import Clock
from klearstack_async.transport.gate import Gate
from klearstack_async.transport.http import HttpTransport
from klearstack_async.transport.limiter import Limiter
from klearstack_async.transport.token_keeper import TokenKeeper
from klearstack_async.wire.retry import back_off_seconds, is_refusal, may_be_repeated

__all__ = ["Carrier"]

T = TypeVar("T")

# A server counts a token's life in whole seconds, and from before it was on its way.
_GRAIN = timedelta(seconds=2)


class Carrier:
    """Carries out the calls of one account."""

    def __init__(
        self,
        transport: HttpTransport,
        tokens: TokenKeeper,
        limiter: Limiter,
        *,
        gate: Gate,
        clock: Clock,
    ) -> None:
        """Put the parts together.

        Args:
            transport: What has the connections.
            tokens: The account's tokens.
            limiter: Whose turn it is, and when.
            gate: How many calls of the account there may be at once.
            clock: What time it is.
        """
        self._transport = transport
        self._tokens = tokens
        self._limiter = limiter
        self._gate = gate
        self._clock = clock
        self._in_flight = 0

    def figures(self) -> RateFigures:
        """Give the account's pace at this moment."""
        figures = self._limiter.figures(self._in_flight)
        return replace(figures, waiting=figures.waiting + self._gate.waiting)

    async def carry(self, call: Call[T], watch: OnAttempt | None) -> T:
        """Make attempts until one goes well, or another would do harm or no good."""
        call.began_at = self._clock.seconds()
        call.user_changes = self._tokens.user_changes
        while True:
            call.begin_attempt()
            ended_in: BaseException | None = None
            pause: float | None = None
            try:
                return await self._whole_attempt(call)
            except KlearStackError as error:
                ended_in = call.failure = error
                error.endpoint = error.endpoint or call.endpoint.name
                if call.may_go_on:
                    # Else no attempt was made: it is a login's, which has its own number, or old.
                    error.attempt = call.number
                pause = await self._pause_after(call, error)
                if pause is None:
                    raise final_error(call, error)  # noqa: B904 - it has its cause, if it is another
            except BaseException as error:
                ended_in = error.error if isinstance(error, SourceFailed) else error
                raise
            finally:
                tell(call, watch, ended_in, pause)
            await self._clock.sleep(pause)

    async def _whole_attempt(self, call: Call[T]) -> T:
        """Make one attempt, and what is left of it when all that was waited for is given back.

        Who iterates over an answer may make other calls meanwhile, which need those places.
        """
        found = await self._attempt(call)
        if call.rest is None:
            return found
        try:
            return await call.rest(found)
        finally:
            call.seconds = self._clock.seconds() - (call.sent_at or 0.0)

    async def _attempt(self, call: Call[T]) -> T:
        """Wait for a place among the account's calls, and make one attempt."""
        if not call.in_line:
            return await self._in_turn(call)
        if not self._gate.try_enter():
            await self._gate.enter(first=call.number > 1)
        try:
            if call.endpoint.bearer:
                # Now, because a turn that was waited for is lost on a token that has to be got.
                await self._token(call)
            return await (self._in_turn(call) if call.limited else self._connected(call))
        finally:
            self._gate.leave()

    async def _in_turn(self, call: Call[T]) -> T:
        """Wait for the account's turn, and tell the limiter how the service took it."""
        limiter = self._limiter
        first = call.number > 1 or not call.in_line
        if first or not limiter.try_pass():
            await limiter.wait(first=first)
        sent_at = limiter.seconds()
        try:
            result = await self._connected(call)
        except ResponseError as error:
            if call.sent_at is None:
                # It is the token that was refused.
                pass
            elif is_refusal(error):
                asked, longest = error.retry_after, call.conduct.retry.retry_after_seconds
                limiter.refused(sent_at, asked if asked is None else min(asked, longest))
            else:
                limiter.accepted()
            raise
        limiter.accepted()
        return result

    async def _connected(self, call: Call[T]) -> T:
        """Wait for one of the pool's connections."""
        # Who waits for a token may have the last of the other places.
        gate = self._transport.gate if call.in_line else self._transport.token_gate
        if not gate.try_enter(self):
            await gate.enter(self, first=call.number > 1)
        try:
            return await self._timed(call)
        finally:
            gate.leave(self)

    async def _timed(self, call: Call[T]) -> T:
        if call.endpoint.bearer:
            call.token = await self._token(call)
            call.token_ends_at = self._tokens.ends_at
        call.sent_at = self._clock.seconds()
        if call.number == 1:
            call.first_at = call.sent_at
        call.is_in_flight = True
        self._in_flight += 1
        try:
            result = await call.run(call.token, call.progress)
        except Exception:
            # But not if it is cut off: then it may be carried out at this moment.
            call.is_in_flight = False
            raise
        finally:
            self._in_flight -= 1
            call.seconds = self._clock.seconds() - call.sent_at
        return result

    async def _token(self, call: Call[T]) -> str:
        try:
            token = await self._tokens.token()
        except KlearStackError:
            # That call was repeated already, as often as makes sense.
            call.may_go_on = False
            raise
        if call.failure is not None and self._tokens.user_changes != call.user_changes:
            # What one user began must not be done by another.
            call.may_go_on = False
            raise call.failure
        return token

    async def _pause_after(self, call: Call[T], error: KlearStackError) -> float | None:
        """Make ready for the next attempt, and give the pause before it; None if there is none."""
        if not call.may_go_on or call.progress.handed_on:
            return None
        if isinstance(error, AuthenticationError) and call.endpoint.bearer:
            pause = 0.0 if await self._goes_on_after_401(call) else None
        else:
            pause = self._back_off_after(call, error)
        call.ends_with_source = pause is not None and call.is_used_up
        return None if call.is_used_up else pause

    def _back_off_after(self, call: Call[T], error: KlearStackError) -> float | None:
        """Give the pause after anything but a 401; None if it is not to be repeated."""
        call.was_renewed = False
        call.failures += 1
        retry = call.conduct.retry
        sent_whole = call.progress.sent_whole
        if call.failures >= retry.attempts or not may_be_repeated(
            error, call.endpoint.replay, sent_whole=sent_whole
        ):
            return None
        pause = back_off_seconds(error, call.failures, retry, random.random())  # noqa: S311 - jitter, no secret
        if call.limited and is_refusal(error):
            # The whole account pauses; this call waits at the head of its line.
            pause = self.figures().paused_seconds
        return pause if self._clock.seconds() + pause <= call.latest_at else None

    async def _goes_on_after_401(self, call: Call[T]) -> bool:
        """Get another token, unless that one was refused for what no token mends."""
        if call.was_renewed and self._token_may_have_ended(call):
            # On the way, which says nothing about the account. It counts all the same: an answer
            # may take longer than a token lives, always.
            call.was_renewed = False
            call.failures += 1
        return call.failures < call.conduct.retry.attempts and await self._has_another_token(call)

    def _token_may_have_ended(self, call: Call[T]) -> bool:
        ends_at = call.token_ends_at
        return ends_at is not None and self._clock.now() > ends_at - _GRAIN

    async def _has_another_token(self, call: Call[T]) -> bool:
        """Renew the token after a 401, once: it has ended early, or the password is wrong."""
        if call.was_renewed or self._tokens.user_changes != call.user_changes:
            return False
        await self._tokens.renew(stale=call.token)
        call.was_renewed = True
        # A login of another user may have been under way.
        return self._tokens.user_changes == call.user_changes
