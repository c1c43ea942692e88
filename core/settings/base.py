"""What the models of settings have in common: where values come from, what they may hold, and how that is said.

A setting is an environment variable or a line of the file ``.env`` in the working directory; the environment wins, and
empty means not set. A model is read once, when a run sets up its resources, and handed on.
"""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self, get_args
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, GetCoreSchemaHandler, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails, core_schema
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from core.errors import SettingError

DOTENV = Path(".env")
LONGEST = 4096
# How much of a wrong value is shown.
SHOWN = 80
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
# Of an address, the user and password before its host.
_LOGIN = re.compile(r"[^/@:\s]*:[^/@\s]*@")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]|[\ud800-\udfff]")


@dataclass(frozen=True)
class Setting:
    """One environment variable, as a model declares it.

    ``choices``: all it may hold, if that is a list. ``secret``: it holds or may hold a credential, so that deployments
    pass it by reference and nothing shows it.
    """

    name: str
    description: str
    example: str
    default: str | None
    choices: tuple[str, ...]
    secret: bool


@dataclass(frozen=True)
class Between:
    """A number within bounds, both included: ``Annotated[int, Between(1, 65535)]``; a whole one for ``int``."""

    least: float
    most: float

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda value: self._parsed(value, source))

    def _parsed(self, value: object, kind: type[int] | type[float]) -> float:
        text, whole = str(value), kind is int
        if len(text) <= SHOWN and _NUMBER.fullmatch(text) and not (whole and "." in text):
            number = kind(text)
            if math.isfinite(number) and self.least <= number <= self.most:
                return number
        raise ValueError(f"a{' whole' if whole else ''} number from {self.least:,g} to {self.most:,.0f}")


def _plain(value: str) -> str:
    if len(value) > LONGEST or _CONTROL.search(value):
        raise ValueError(f"at most {LONGEST:,} characters and none of control")
    return value


def _plain_secret(value: SecretStr) -> SecretStr:
    _plain(value.get_secret_value())
    return value


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        whole = parts.scheme in {"https", "http"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    # Without a scheme libraries send a key unencrypted, or look for another host; paths are put behind the address.
    if not whole or re.search(r"[?#\s]", value):
        raise ValueError("an address that begins with https:// or http://, without parameters")
    return value


Text = Annotated[str, AfterValidator(_plain)]
# Where an API answers.
Address = Annotated[Text, AfterValidator(_address)]
Secret = Annotated[SecretStr, AfterValidator(_plain_secret)]
Port = Annotated[int, Between(1, 65535)]


def setting(name: str, description: str, example: str, default: Any = None) -> Any:
    """A model's field: the variable, what it means, an example, and what it is when not set."""
    return Field(default, validation_alias=name, description=description, examples=[example])


def environment() -> dict[str, str]:
    """The variables in force: those of this process, then those of ``.env`` in the working directory.

    Raises:
        SettingError: when ``.env`` cannot be read.
    """
    try:
        lines = dotenv_values(DOTENV, encoding="utf-8") if DOTENV.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"{DOTENV.absolute()} cannot be read ({error}): expected lines like HEADWATER_STAGE=local."
        ) from None
    return {name: value for name, value in lines.items() if value is not None} | dict(os.environ)


class Settings(BaseSettings):
    """A system's settings. Made by ``read``; nothing else looks at the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what ``read`` found: a notice, a test or a resource's fields may bring other values."""
        return (init_settings,)

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Self:
        """The settings of ``environ``, or those in force. overrides: by field, where not None.

        Raises:
            SettingError: with a sentence for each that is wrong.
        """
        environ = environment() if environ is None else environ
        chosen = {_name(cls.model_fields[field]): value for field, value in overrides.items() if value is not None}
        named = {_name(field) for field in cls.model_fields.values()}
        try:
            return cls(**{name: environ[name] for name in named if environ.get(name)} | chosen)
        except ValidationError as wrong:
            # Errors hold the values, and some are secret: the sentences are all that goes on.
            sentences = [_sentence(cls, error) for error in wrong.errors()]
        raise SettingError("\n".join(dict.fromkeys(sentences)))

    def require(self, *fields: str) -> list[Any]:
        """The values of these fields.

        Raises:
            SettingError: with a sentence for each that is not set.
        """
        missing = [listed(type(self).model_fields[field]) for field in fields if getattr(self, field) is None]
        if missing:
            raise SettingError(
                "\n".join(
                    f"{entry.name} is not set: {entry.description} For example {entry.name}={entry.example}"
                    for entry in missing
                )
            )
        return [getattr(self, field) for field in fields]


def listed(field: FieldInfo) -> Setting:
    """A model's field as an entry of a list."""
    kinds = _kinds(field.annotation)
    return Setting(
        name=_name(field),
        description=field.description or "",
        example=str((field.examples or [""])[0]),
        default=None if field.default is None else str(field.default),
        choices=tuple(kind for kind in kinds if isinstance(kind, str)),
        secret=SecretStr in kinds,
    )


def together(*reads: Callable[[], Any]) -> list[Any]:
    """What each returns, all of them tried.

    Raises:
        SettingError: with the sentences of all that raised one, each once.
    """
    values, sentences = [], []
    for read in reads:
        try:
            values.append(read())
        except SettingError as error:
            sentences += str(error).splitlines()
    if sentences:
        raise SettingError("\n".join(dict.fromkeys(sentences)))
    return values


def revealed(secret: SecretStr | None) -> str | None:
    """What a secret holds, for the client that sends it."""
    return secret.get_secret_value() if secret else None


def _name(field: FieldInfo) -> str:
    return str(field.validation_alias)


def _kinds(annotation: Any) -> list[Any]:
    """The innermost parts of an annotation: types, and the words of a ``Literal``."""
    parts = get_args(annotation)
    return [kind for part in parts for kind in _kinds(part)] if parts else [annotation]


def _sentence(model: type[Settings], error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    entry = next(entry for entry in map(listed, model.model_fields.values()) if entry.name == name)
    value = repr(_LOGIN.sub("***@", str(error["input"])))
    shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}..."
    subject = f"{name} (not shown, it is secret)" if entry.secret else f"{name}={shown}"
    if entry.choices:
        return f"{subject}: expected one of {', '.join(entry.choices)}."
    expected = error.get("ctx", {}).get("error", error["msg"])
    return f"{subject}: expected {expected}, such as {entry.example}."
