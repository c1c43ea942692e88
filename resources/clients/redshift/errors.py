"""What Redshift and its driver complain of, as our errors: told apart by whether trying again can help."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from redshift_connector.error import Error, InterfaceError, OperationalError

from core.errors import (
    DatabaseUnavailable,
    DayMissing,
    HeadwaterError,
    PermanentError,
    SettingError,
    WarehouseBusy,
)
from core.plain import one_line

# What the driver raises when the connection ends: at times it unpacks what never came.
LOST = (InterfaceError, OperationalError, OSError, struct.error)

# What PostgreSQL and Redshift number alike; Redshift's own failures are all XX000 and told apart by their text.
UNDEFINED_TABLE, REFUSED_RIGHT, REFUSED_LOGIN = "42P01", "42501", ("28000", "28P01", "3D000")
CONFLICT = ("40001", "40P01")
# Broken connections, no resources left, shutting down or starting: by the class of their code.
TROUBLE = ("08", "53", "57")
# Its disk: what other statements put aside there goes with them.
DISK_FULL = "53100"
# How a COPY tells of S3, and what passes by itself there.
S3_SAYS, S3_TROUBLE = "S3ServiceException", ("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout")
# Characters of what the server or the driver says that a message shows.
SHOWN = 1_000


@contextmanager
def errors_explained(address: str) -> Iterator[None]:
    """The driver's errors as ours. With a code it is the server that speaks, whatever the driver calls it.

    Raises:
        DatabaseUnavailable: when the server does not answer, breaks off, or has no resources left.
        WarehouseBusy: when another transaction changed the same tables meanwhile (error 1023).
        DayMissing: when a table is not there yet.
        PermanentError: when the login, or the statement itself, is refused.
    """
    try:
        yield
    except (Error, *LOST) as error:
        if _code(error):
            raise _refusal(address, _code(error), text_of(error)) from error
        if not isinstance(error, LOST):
            raise PermanentError(f"Redshift at {address}: the driver refuses: {text_of(error)}.") from error
        raise _unavailable(address, text_of(error)) from error


def is_of_the_files(error: Error) -> bool:
    """Whether a failed COPY is a matter of what it loads, not of the connection, of others, or of S3."""
    code, said = _code(error), text_of(error)
    others = _is_conflict(code, said) or code.startswith(TROUBLE) or code == REFUSED_RIGHT or S3_SAYS in said
    return bool(code) and not others


def text_of(error: Exception) -> str:
    """What the server said, on one line."""
    said = _field(error, "M") or str(error) or type(error).__name__
    return one_line(f"{said} {_field(error, 'D')}", SHOWN).rstrip(".")


def _refusal(address: str, code: str, said: str) -> HeadwaterError:
    if code == DISK_FULL:
        return DatabaseUnavailable(
            f"Redshift at {address}: {said}. Nothing was changed; run again, and make room in the cluster if it stays "
            "so."
        )
    if code.startswith(TROUBLE):
        return _unavailable(address, said)
    if S3_SAYS in said:
        return _lake_unreadable(address, said)
    if _is_conflict(code, said):
        return WarehouseBusy(
            f"Redshift at {address}: {said}. Another transaction changed the same tables meanwhile; this one changed "
            "nothing. Run again."
        )
    if code == UNDEFINED_TABLE:
        return DayMissing(
            f"Redshift at {address}: {said}. Materialize the warehouse tables (or dbt models) of the day first."
        )
    return _denied(address, code, said)


def _denied(address: str, code: str, said: str) -> HeadwaterError:
    if code in REFUSED_LOGIN:
        return SettingError(
            f"Redshift at {address} refuses the login: {said}. Check REDSHIFT_USER, REDSHIFT_DATABASE and where the "
            "password comes from."
        )
    if code == REFUSED_RIGHT:
        return PermanentError(
            f"Redshift at {address}: {said}. Run the room's migration_job as the owner of the tables, with "
            "WAREHOUSE_LOADER_ROLE naming a role of this user."
        )
    return PermanentError(f"Redshift at {address} refuses a statement: {said}.")


def _unavailable(address: str, said: str) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"Redshift at {address}: {said}. Check that it runs and is reachable, and REDSHIFT_HOST, REDSHIFT_PORT and "
        "REDSHIFT_SSLMODE, then run again."
    )


def _lake_unreadable(address: str, said: str) -> HeadwaterError:
    if any(f"Error {name}" in said for name in S3_TROUBLE):
        return DatabaseUnavailable(f"Redshift at {address} cannot read the lake: {said}. Run again.")
    return SettingError(
        f"Redshift at {address} cannot read the lake: {said}. Check REDSHIFT_IAM_ROLE, and its rights as in "
        "deploy/iam/copy.json."
    )


def _is_conflict(code: str, said: str) -> bool:
    return code in CONFLICT or said.startswith("1023") or "Serializable isolation violation" in said


def _code(error: Exception) -> str:
    return _field(error, "C")


def _field(error: Exception, name: str) -> str:
    """A field of the server's message: C its code, M its text, D the rest of it."""
    found = error.args[0] if error.args else None
    return str(found.get(name, "")) if isinstance(found, dict) else ""
