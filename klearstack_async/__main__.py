"""`python -m klearstack_async` is the `klearstack` command."""

from klearstack_async.cli import main

main()
