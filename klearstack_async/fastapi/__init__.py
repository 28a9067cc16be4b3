"""KlearStack in a FastAPI service: its life, what its endpoints use, and what they answer.

Nothing in here is needed by the rest of the library, and FastAPI is an extra of its own.
"""

_EXTRA = {"fastapi", "python_multipart", "starlette"}

try:
    # FastAPI itself asks for it only when an endpoint takes a form.
    import python_multipart  # noqa: F401

    from klearstack_async.fastapi.dependencies import (
        KlearStackDep,
        SessionPoolDep,
        klearstack,
        session_pool,
        tenant,
    )
    from klearstack_async.fastapi.events import BulkEvents
    from klearstack_async.fastapi.forms import form_through
    from klearstack_async.fastapi.lifespan import lifespan
    from klearstack_async.fastapi.passing import body_through, upload_through
    from klearstack_async.fastapi.problems import PROBLEMS, problem_response
    from klearstack_async.fastapi.push import Claim, PushSender, SeenPushes, push_router
    from klearstack_async.fastapi.refusals import RequestRefused
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in _EXTRA:
        raise
    raise ImportError(
        "klearstack_async.fastapi needs an extra: pip install 'klearstack-async[fastapi]' "
        "(in a checkout: pip install '.[fastapi]')"
    ) from missing

__all__ = [
    "PROBLEMS",
    "BulkEvents",
    "Claim",
    "KlearStackDep",
    "PushSender",
    "RequestRefused",
    "SeenPushes",
    "SessionPoolDep",
    "body_through",
    "form_through",
    "klearstack",
    "lifespan",
    "problem_response",
    "push_router",
    "session_pool",
    "tenant",
    "upload_through",
]
