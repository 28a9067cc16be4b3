"""Settings from the environment and from a configuration file.

The environment goes before the file. A file looks like this; everything may be left out that the
environment says:

    url = "https://acme.klearstackapp.com"
    company_name = "acme"
    username = "ap"
    encoding = "multipart"
    ca_file = "company-ca.pem"

    [endpoints]
    "results.between" = "/access/klearstack/itsrealname"

    [endpoints."images.get"]
    path = "/access/klearstack/itsrealname"
    parameters = { page_index = "page" }
    encoding = "json"
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from klearstack_async.endpoints.catalogue import with_overrides
from klearstack_async.settings import ENVIRONMENT, Account, Encoding, EndpointOverride, Tls
from klearstack_async.wire.redaction import cleaned

__all__ = ["CONFIG_FILE", "Configuration", "configured", "read_configuration"]

CONFIG_FILE = "KLEARSTACK_CONFIG"
_ENCODING = "KLEARSTACK_ENCODING"
_ENDPOINTS = "KLEARSTACK_ENDPOINTS"
_CA_FILE = "KLEARSTACK_CA_FILE"
_FINGERPRINT = "KLEARSTACK_FINGERPRINT"
_TLS = ("ca_file", "fingerprint")
_KEYS = (*ENVIRONMENT, "encoding", "endpoints", *_TLS)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What was found, checked.

    Attributes:
        account: Where the service is and who calls; None if only a part of it was found.
        missing: The variables that an account still needs.
        file: The file that was read, or None.
        encoding: How forms are written.
        endpoints: What is different about the service's endpoints, by the library's names.
        tls: How to check the server's certificate.
    """

    account: Account | None = None
    missing: tuple[str, ...] = ()
    file: str | None = None
    encoding: Encoding = Encoding.MULTIPART
    endpoints: Mapping[str, EndpointOverride] = field(default_factory=dict)
    tls: Tls = field(default_factory=Tls)


def configured(environment: Mapping[str, str] | None = None) -> bool:
    """Tell whether the environment says anything about an account."""
    found = os.environ if environment is None else environment
    return any(found.get(name) for name in (*ENVIRONMENT.values(), CONFIG_FILE))


def read_configuration(
    environment: Mapping[str, str] | None = None, file: str | os.PathLike[str] | None = None
) -> Configuration:
    """Read the settings.

    Args:
        environment: The process's own if left out. `KLEARSTACK_URL`, `_COMPANY`, `_USERNAME`,
            `_PASSWORD`, `_ENCODING`, `_ENDPOINTS` (JSON of the form of the file's table),
            `_CA_FILE`, `_FINGERPRINT` and `_CONFIG`, the path of a file.
        file: A file to read instead of that which `KLEARSTACK_CONFIG` names.

    Raises:
        ValueError: Something in it can't be used; the message says what and where.
        OSError: The file can't be read.
    """
    found = os.environ if environment is None else environment
    secrets = [found.get(ENVIRONMENT["password"], "")]
    try:
        return _read(found, file or found.get(CONFIG_FILE) or None, secrets)
    except ValueError as error:
        said = str(error)
    # Out here, so that the first error isn't the context of the next: it may hold the whole file.
    raise ValueError(cleaned(said, tuple(secrets)))


def _read(
    found: Mapping[str, str], file: str | os.PathLike[str] | None, secrets: list[str]
) -> Configuration:
    settings = {} if file is None else _settings_in(Path(file))
    secrets.append(settings.get("password", ""))
    settings |= {key: found[name] for key, name in ENVIRONMENT.items() if found.get(name)}
    missing = tuple(name for key, name in ENVIRONMENT.items() if not settings.get(key))
    encoding = _encoding(found.get(_ENCODING), _ENCODING) or _encoding(
        settings.get("encoding"), str(file)
    )
    endpoints = _endpoints(settings.get("endpoints", {}), str(file))
    if found.get(_ENDPOINTS):
        for name, override in _endpoints(_json_object(found[_ENDPOINTS]), _ENDPOINTS).items():
            endpoints[name] = _merged(endpoints.get(name), override)
    return Configuration(
        account=None if missing else Account(**{key: str(settings[key]) for key in ENVIRONMENT}),
        missing=missing,
        file=None if file is None else os.fspath(file),
        encoding=encoding or Encoding.MULTIPART,
        endpoints=endpoints,
        tls=Tls(
            ca_file=found.get(_CA_FILE) or settings.get("ca_file"),
            fingerprint=found.get(_FINGERPRINT) or settings.get("fingerprint"),
        ),
    )


def _settings_in(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - few have such a file

    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8, so no configuration file") from None
    unknown = sorted(settings.keys() - set(_KEYS))
    if unknown:
        raise ValueError(f"{path}: there is no setting {unknown[0]}; there are {', '.join(_KEYS)}")
    for key in (*ENVIRONMENT, *_TLS):
        # Not shown: it may be the password.
        if not isinstance(settings.get(key, ""), str):
            raise ValueError(f"{path}: {key} is no text; put it in quotes")  # noqa: TRY004 - the file is wrong, not the code
    return settings


def _encoding(value: Any, where: str) -> Encoding | None:
    try:
        return None if value is None or value == "" else Encoding(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _merged(old: EndpointOverride | None, new: EndpointOverride) -> EndpointOverride:
    """Put the environment's setting of an endpoint over the file's, part by part."""
    if old is None:
        return new
    parameters = {**old.parameters, **new.parameters}
    return EndpointOverride(new.path or old.path, parameters, new.encoding or old.encoding)


def _json_object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{_ENDPOINTS} is no JSON: {error}") from None


def _endpoints(found: Any, where: str) -> dict[str, EndpointOverride]:
    if not isinstance(found, Mapping):
        raise ValueError(f"{where}: endpoints are names to paths, not {found!r}")  # noqa: TRY004 - the file is wrong, not the code
    endpoints = {}
    for name, override in found.items():
        try:
            endpoints[name] = EndpointOverride.of(override)
        except ValueError as error:
            raise ValueError(f"{where}: endpoint {name}: {error}") from None
    try:
        with_overrides(endpoints)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return endpoints
