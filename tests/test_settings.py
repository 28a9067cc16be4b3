from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from klearstack_async import Account, Attempt, KlearStack, Polling, SessionPool, Timeouts, Tls
from klearstack_async.configuration import read_configuration

FULL = {
    "KLEARSTACK_URL": "https://acme.klearstackapp.com/",
    "KLEARSTACK_COMPANY": "acme",
    "KLEARSTACK_USERNAME": "ap",
    "KLEARSTACK_PASSWORD": "MARKED",
}


def test_the_account_is_read_from_the_environment() -> None:
    account = Account.from_env(FULL)
    assert account == Account("https://acme.klearstackapp.com", "acme", "ap", "MARKED")
    assert KlearStack.from_env(FULL).account == account


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ValueError, match="KLEARSTACK_USERNAME, KLEARSTACK_PASSWORD"):
        Account.from_env({**FULL, "KLEARSTACK_USERNAME": "", "KLEARSTACK_PASSWORD": ""})


@pytest.mark.parametrize("url", ["", "acme.klearstackapp.com", "ftp://x", "https://"])
def test_a_wrong_url_is_told_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=r"https://acme\.klearstackapp\.com"):
        Account(url, "acme", "ap", "p")


def test_credentials_in_the_url_are_refused_and_not_shown() -> None:
    for url in ("https://ap:MARKED@acme.example", "ap:MARKED@acme.example"):
        with pytest.raises(ValueError, match="url must") as caught:
            Account(url, "acme", "ap", "p")
        assert "MARKED" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["https://ap:s3cret/pass@host", "https://:@host", "https://ap@host", "https://ap:s3℀cret@h"],
)
def test_nothing_before_an_at_sign_is_shown(url: str) -> None:
    with pytest.raises(ValueError, match="must not hold credentials") as caught:
        Account(url, "a", "b", "c")
    assert "s3" not in str(caught.value)


@pytest.mark.parametrize("password", [12345, b"bytes", None])
def test_a_password_that_is_no_text_is_refused(password: Any) -> None:
    with pytest.raises(TypeError, match="password is a text"):
        Account("https://a.example", "a", "b", password)


@pytest.mark.parametrize(
    "url", ["https://a.example/?x=1", "https://a.example/#f", " https://a.example", "https://a:x"]
)
def test_a_url_is_a_host_and_nothing_else(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Account(url, "acme", "ap", "p")


def test_a_password_in_clear_text_is_warned_of_unless_it_stays_here() -> None:
    with pytest.warns(UserWarning, match="use https"):
        KlearStack.from_env({**FULL, "KLEARSTACK_URL": "http://acme.example"})
    KlearStack.from_env({**FULL, "KLEARSTACK_URL": "http://127.0.0.1:8642"})


@pytest.mark.parametrize("wrong", [{"connect_seconds": 0}, {"stall_seconds": -1}])
def test_timeouts_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Timeouts(**wrong)


@pytest.mark.parametrize("field", ["company_name", "username", "password"])
def test_an_empty_part_of_the_account_is_named(field: str) -> None:
    parts = {"company_name": "a", "username": "b", "password": "c", field: ""}
    with pytest.raises(ValueError, match=field):
        Account("https://acme.example", **parts)


def test_no_repr_shows_the_password() -> None:
    client = KlearStack.from_env(FULL)
    assert "MARKED" not in repr(client) + repr(client.account) + str(client.account)


def test_the_pauses_grow_up_to_the_longest() -> None:
    polling = Polling(first_seconds=1, factor=2, longest_seconds=5)
    assert [polling.pause_seconds(looks) for looks in (0, 1, 2, 3, 10**6)] == [1, 2, 4, 5, 5]


@pytest.mark.parametrize(
    "wrong", [{"first_seconds": 0.0}, {"factor": 0.5}, {"longest_seconds": 0.1}]
)
def test_pauses_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Polling needs"):
        Polling(**wrong)  # type: ignore[arg-type]  # none of them is the flag


PINS = {name: name * 64 for name in "abc"}


def test_the_certificate_is_checked_as_environment_and_file_say(tmp_path: Path) -> None:
    file = tmp_path / "klearstack.toml"
    file.write_text(f'ca_file = "of-the-file.pem"\nfingerprint = "{PINS["a"]}"')
    for variables, wanted in (
        ({}, Tls("of-the-file.pem", PINS["a"])),
        ({"KLEARSTACK_CA_FILE": "other.pem"}, Tls("other.pem", PINS["a"])),
        ({"KLEARSTACK_FINGERPRINT": PINS["b"]}, Tls("of-the-file.pem", PINS["b"])),
    ):
        assert read_configuration(FULL | variables, file).tls == wanted
    assert read_configuration(FULL | {"KLEARSTACK_FINGERPRINT": PINS["b"]}).tls == Tls(
        fingerprint=PINS["b"]
    )
    assert read_configuration(FULL | {"KLEARSTACK_CA_FILE": ""}).tls == Tls()


@pytest.mark.parametrize("key", ["ca_file", "fingerprint"])
def test_what_the_certificate_is_checked_by_is_a_text(key: str, tmp_path: Path) -> None:
    file = tmp_path / "klearstack.toml"
    file.write_text(f"{key} = 12345678")
    with pytest.raises(ValueError, match=f"{key} is no text"):
        read_configuration(FULL, file)


def test_a_fingerprint_that_is_none_is_told_from_wherever_it_comes(tmp_path: Path) -> None:
    file = tmp_path / "klearstack.toml"
    file.write_text('fingerprint = "F0:D0"')
    for environment, config in ((FULL, file), (FULL | {"KLEARSTACK_FINGERPRINT": "F0:D0"}, None)):
        with pytest.raises(ValueError, match="64 hexadecimal digits"):
            KlearStack.from_env(environment, config=config)


@pytest.mark.parametrize(
    "tls", [Tls(ca_file="a.pem"), Tls(fingerprint=PINS["a"])], ids=["authorities", "pin"]
)
def test_where_there_is_no_certificate_none_can_be_checked(tls: Tls) -> None:
    with pytest.raises(ValueError, match="use https"):
        KlearStack("http://127.0.0.1", company_name="a", username="b", password="c", tls=tls)
    plain = FULL | {"KLEARSTACK_URL": "http://127.0.0.1"}
    with pytest.raises(ValueError, match="use https"):
        KlearStack.from_env(plain, tls=tls)
    with pytest.raises(ValueError, match="use https"):
        KlearStack.from_env(plain | {"KLEARSTACK_FINGERPRINT": PINS["a"]})
    KlearStack.from_env(plain, tls=Tls())


async def later(_attempt: Attempt) -> None: ...


def test_a_hook_that_would_have_to_be_awaited_is_refused() -> None:
    with pytest.raises(TypeError, match="plain function"):
        KlearStack.from_env(FULL, on_attempt=later)
    with pytest.raises(TypeError, match="plain function"):
        KlearStack.from_env(FULL).with_options(on_attempt=later)
    with pytest.raises(TypeError, match="plain function"):
        SessionPool().account(
            "https://a.example",
            company_name="a",
            username="b",
            password="c",
            on_attempt=later,
        )
