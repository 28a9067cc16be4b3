"""The users of the one company: who they are, and what each role may do.

How a request says whose it is (token or body) is not known here.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["Admin", "Approver", "Creator"]
ROLES: tuple[Role, ...] = get_args(Role)

SCHEMA = """
-- Ids last as long as the folder: tokens carry them, and documents name their owner by them.
CREATE TABLE IF NOT EXISTS users (
    user_id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL UNIQUE
);
INSERT INTO sqlite_sequence (name, seq) SELECT 'users', 1000
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'users');
"""

# That the list of approved documents is for these two is documented; the rest is our reading of it.
_REVIEWERS = frozenset({"Admin", "Approver"})


@dataclass(frozen=True, slots=True)
class SandboxUser:
    """A user of the sandbox beside its main account, which is an Admin.

    Args:
        username: The name it logs in with.
        password: The password it logs in with.
        role: `Admin` and `Approver` see all documents of the company and review them; `Creator`
            sees its own.
        may_pull_modified: Whether `getmodifiedinvoices` is open to it; without, that answers 403.
    """

    username: str
    password: str = field(repr=False)
    role: Role = "Creator"
    may_pull_modified: bool = True


@dataclass(frozen=True, slots=True)
class User:
    """A user with the id that the sandbox gave it."""

    user_id: int
    username: str
    password: str = field(repr=False)
    role: Role
    may_pull_modified: bool = True

    @property
    def sees_all(self) -> bool:
        """Whether it sees the whole company's documents, not just its own."""
        return self.role in _REVIEWERS

    @property
    def is_reviewer(self) -> bool:
        """Whether it may approve and reject, and list what was approved."""
        return self.role in _REVIEWERS


@dataclass(frozen=True, slots=True)
class Company:
    """The one company, and everybody in it."""

    name: str
    users: tuple[User, ...]

    def with_id(self, user_id: object) -> User | None:
        """Find the user of an id, given as a number or as its digits."""
        return next((user for user in self.users if str(user.user_id) == str(user_id)), None)

    def named(self, username: str) -> User | None:
        """Find the user of a name."""
        return next((user for user in self.users if user.username == username), None)

    def has(self, *, company_name: str, username: str | None, password: str | None) -> bool:
        """Compare credentials (None: not asked for), in a time that tells nothing about them."""
        # All of them are compared, whatever comes out: no short cut by any() over a generator.
        known = [
            _equal(username, user.username) & _equal(password, user.password) for user in self.users
        ]
        return _equal(company_name, self.name) & any(known)


def check_users(users: Iterable[SandboxUser]) -> tuple[SandboxUser, ...]:
    """Return users that can stand beside each other.

    Raises:
        ValueError: Two have one name, or a role isn't known.
    """
    checked = tuple(users)
    names = [user.username for user in checked]
    if len(set(names)) < len(names):
        raise ValueError("every user of a sandbox needs its own username")
    for user in checked:
        if user.role not in ROLES:
            raise ValueError(f"role must be one of {ROLES}")
    return checked


def company_of(
    connection: sqlite3.Connection, name: str, users: tuple[SandboxUser, ...]
) -> Company:
    """Give the users their ids: those of an earlier run, or new ones."""
    connection.executemany(
        "INSERT OR IGNORE INTO users (username) VALUES (?)", [(user.username,) for user in users]
    )
    ids = {
        row["username"]: row["user_id"]
        for row in connection.execute("SELECT user_id, username FROM users")
    }
    return Company(
        name,
        tuple(
            User(
                ids[user.username], user.username, user.password, user.role, user.may_pull_modified
            )
            for user in users
        ),
    )


def _equal(given: str | None, expected: str) -> bool:
    if given is None:
        return True
    return hmac.compare_digest(
        given.encode("utf-8", errors="replace"), expected.encode("utf-8", errors="replace")
    )
