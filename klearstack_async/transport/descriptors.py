"""How many connections this process can afford: each takes one of its file descriptors."""

from __future__ import annotations

__all__ = ["affordable"]

# What a process needs beside: its own files, those of the loop, and whatever the program opens.
_OTHERS = 48
# Each connection may come with a file that is being read at that moment, and as many again may be
# used for getting tokens.
_PER_CONNECTION = 3
_FEWEST = 4


def affordable(connections: int, limit: int | None = None) -> int:
    """Give as many connections as were asked for, or as many as `ulimit -n` allows for.

    Args:
        connections: How many are wanted.
        limit: How many descriptors there may be; the process's own limit if left out.
    """
    limit = _soft_limit() if limit is None else limit
    return min(connections, max(_FEWEST, (limit - _OTHERS) // _PER_CONNECTION))


def _soft_limit() -> int:
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return 1 << 20
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 20
