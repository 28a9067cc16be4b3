"""An emulator of the KlearStack service, for trying things out and for tests.

It is written from the vendor's documentation alone and shares no code with the client: nothing
below this package may import anything of `klearstack_async` outside it, so that a misreading
can't hide in code used by both ends.
"""

_EXTRA = {"PIL", "fpdf", "jwt", "pypdfium2"}

try:
    from klearstack_async.sandbox.faults.fault import Fault
    from klearstack_async.sandbox.push_records import Push
    from klearstack_async.sandbox.push_target import PushTarget
    from klearstack_async.sandbox.selection import StoredDocument
    from klearstack_async.sandbox.server import Sandbox
    from klearstack_async.sandbox.users import SandboxUser
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in _EXTRA:
        raise
    raise ImportError(
        "the sandbox needs an extra: pip install 'klearstack-async[sandbox]' "
        "(in a checkout: pip install '.[sandbox]')"
    ) from missing

__all__ = ["Fault", "Push", "PushTarget", "Sandbox", "SandboxUser", "StoredDocument"]
