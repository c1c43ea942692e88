"""What a run says first: which source, lake and warehouse it uses, without secrets, and that it is the sandbox."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from core.settings.base import together


@runtime_checkable
class Described(Protocol):
    """A resource that can say what it uses."""

    def in_force(self) -> dict[str, str]:
        """By what it is: a name to an address without secrets, or to ``sandbox: ...``."""


def in_force(resources: Mapping[str, Any]) -> dict[str, str]:
    """What each of the resources uses, as ``resources_for`` made them. Nothing is contacted.

    Raises:
        SettingError: with a sentence for every setting that is missing or wrong, of all of them.
    """
    asked = [resource for resource in resources.values() if isinstance(resource, Described)]
    found: dict[str, str] = {}
    for said in together(*(resource.in_force for resource in asked)):
        found |= said
    return found


def is_sandbox(said: str) -> bool:
    """Whether a line of ``in_force`` is about the sandbox."""
    return said.startswith("sandbox")


def origins(uris: str) -> str:
    """Addresses, comma-separated, without user, password, path and parameters: each of them may be a key."""
    return ", ".join(_origin(uri.strip()) for uri in uris.split(","))


def _origin(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an address that cannot be read"
    if not (parts.scheme and host):
        return "a socket file" if uri.startswith("/") else "an address that cannot be read"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
