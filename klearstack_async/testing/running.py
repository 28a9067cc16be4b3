"""A sandbox that runs in a thread, for tests of every kind: sync, async, in any loop.

What lives here: the sandbox as a test sees it, and its start and end. It knows nothing of pytest,
and imports the client and the sandbox when they are used: see `klearstack_async.testing`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from klearstack_async.client import ClientOptions, KlearStack
    from klearstack_async.sandbox import Fault, Push, PushTarget, Sandbox, StoredDocument
    from klearstack_async.sandbox.mapping import Mapping

__all__ = ["RunningSandbox", "running_sandbox"]

T = TypeVar("T")

_LOOP_WOULD_WAIT = (
    "the loop of this test would stand still, and with it a receiver that it may run: "
    "await asyncio.to_thread(klearstack_sandbox.settle_pushes)"
)
_ENDED = "the sandbox has ended: klearstack_sandbox lives as long as its test"


class RunningSandbox:
    """A sandbox that runs in a thread of its own, as `klearstack_sandbox` gives it.

    It serves every loop and thread, and may be asked from any. What it is asked is answered in some
    milliseconds, so async tests may ask, too; only `settle_pushes` takes its time.

    Attributes:
        url: Where it listens, without a slash at the end.
        company_name: The one company.
        username: The main user, an Admin.
        password: The main user's password, which is no secret.
    """

    def __init__(self, sandbox: Sandbox, portal: BlockingPortal) -> None:
        self.url = sandbox.url
        self.company_name = sandbox.company_name
        self.username = sandbox.username
        self.password = sandbox.password
        self._sandbox = sandbox
        self._portal: BlockingPortal | None = portal

    def __repr__(self) -> str:
        return f"<RunningSandbox at {self.url}>"

    @property
    def environment(self) -> dict[str, str]:
        """The variables from which `KlearStack.from_env` reads the account."""
        return {
            "KLEARSTACK_URL": self.url,
            "KLEARSTACK_COMPANY": self.company_name,
            "KLEARSTACK_USERNAME": self.username,
            "KLEARSTACK_PASSWORD": self.password,
        }

    @property
    def requests(self) -> Counter[str]:
        """How many requests came, by endpoint as in the URL; refused and faulty ones count."""
        return self._ask(lambda: Counter(self._sandbox.requests))

    @property
    def refused(self) -> Counter[str]:
        """How many of them `calls_per_second` refused, by endpoint."""
        return self._ask(lambda: Counter(self._sandbox.refused))

    @property
    def faults_made(self) -> Counter[str]:
        """How many faults were made, by kind."""
        return self._ask(lambda: Counter(self._sandbox.faults_made))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What goes wrong on purpose from now on. Setting it begins the faults' `times` anew.

        Raises:
            ValueError: A fault that is set is for an endpoint that there isn't.
        """
        return self._ask(lambda: tuple(self._sandbox.faults))

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        wanted = list(faults)
        self._ask(lambda: setattr(self._sandbox, "faults", wanted))

    def documents(self) -> list[StoredDocument]:
        """List what is stored, in the order in which it came."""
        return self._wait_for(self._sandbox.documents)

    def field_mapping(self, collection_name: str) -> Mapping:
        """Tell what was set for a collection's fields: by document type and field."""
        return self._wait_for(lambda: self._sandbox.field_mapping(collection_name))

    def register_push(self, target: PushTarget | None) -> None:
        """Push what is finished from now on to this endpoint, or to none.

        It takes a real server: a test client has no address to push to.
        """
        self._wait_for(lambda: self._sandbox.register_push(target))

    def pushes(self) -> list[Push]:
        """List what became of the pushes, by document, in the order in which these came."""
        return self._wait_for(self._sandbox.pushes)

    def settle_pushes(self) -> None:
        """Wait until every document that is finished by now was pushed, or its push has failed.

        Raises:
            RuntimeError: It was called in an event loop, which might be the one that receives them.
        """
        if _in_a_loop():
            raise RuntimeError(_LOOP_WOULD_WAIT)
        self._wait_for(self._sandbox.settle_pushes)

    def client(
        self,
        *,
        username: str | None = None,
        password: str | None = None,
        **options: Unpack[ClientOptions],
    ) -> KlearStack:
        """Make another client: `async with klearstack_sandbox.client(rate=Rate(5)) as ks:`.

        It looks for results and tries again with hardly a pause, unless the options say otherwise.

        Args:
            username: The main user if left out; another one of the marker's `users=`.
            password: That user's password.
            **options: As for `KlearStack`: `timeouts`, `retry`, `rate` and so on.
        """
        from klearstack_async.client import KlearStack  # noqa: PLC0415 - see the module's docstring
        from klearstack_async.limits import RetryPolicy  # noqa: PLC0415 - the same
        from klearstack_async.settings import Polling  # noqa: PLC0415 - the same

        options.setdefault("retry", RetryPolicy(first_seconds=0.001, retry_after_seconds=0.01))
        options.setdefault("polling", Polling(first_seconds=0.01, longest_seconds=0.05))
        return KlearStack(
            self.url,
            company_name=self.company_name,
            username=self.username if username is None else username,
            password=self.password if password is None else password,
            **options,
        )

    def _ask(self, question: Callable[[], T]) -> T:
        return self._running().call(question)

    def _wait_for(self, question: Callable[[], Awaitable[T]]) -> T:
        return self._running().call(question)

    def _running(self) -> BlockingPortal:
        if self._portal is None:
            raise RuntimeError(_ENDED)
        return self._portal


def _in_a_loop() -> bool:
    import asyncio  # noqa: PLC0415 - see the module's docstring

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@contextmanager
def running_sandbox(**options: Any) -> Iterator[RunningSandbox]:
    """Run a sandbox in a thread: for fixtures of your own, of any scope, and for several at once.

    Args:
        **options: As for `klearstack_async.sandbox.Sandbox`; `processing_seconds` is 0 here.

    Raises:
        ImportError: The extra `sandbox` isn't installed.
        TypeError, ValueError: There is no such option, or it can't be used.
    """
    from anyio.from_thread import start_blocking_portal  # noqa: PLC0415 - see the module's docstring

    from klearstack_async.sandbox import Sandbox  # noqa: PLC0415 - the same

    sandbox = Sandbox(**{"processing_seconds": 0, **options})
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(sandbox):
        running = RunningSandbox(sandbox, portal)
        try:
            yield running
        finally:
            running._portal = None  # noqa: SLF001 - made here
