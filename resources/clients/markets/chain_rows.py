"""What of a chain's row says where it belongs, read the same from the API and from the dumps."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.errors import InvalidAnswer

LARGEST = 2**63 - 1
LONGEST_TIME = 40
# Heights between a day's lowest and highest: no chain followed comes near a block a second.
MOST_HEIGHTS = 86_400
_WHOLE = re.compile(r"[0-9]{1,19}")
SHOWN = 80


def whole(row: Mapping[str, Any], field: str, where: str) -> int:
    """A height, or another number that counts: a whole one, or its digits. where: what holds the row.

    Raises:
        InvalidAnswer: when it is none.
    """
    value = row.get(field)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise _wrong(where, field, value, "height" if field == "id" else "number")
    return value


def moment(row: Mapping[str, Any], where: str) -> datetime:
    """A row's time in UTC, which is what it is in when it does not say.

    Raises:
        InvalidAnswer: when it is none.
    """
    value = row.get("time")
    try:
        if not isinstance(value, str) or len(value) > LONGEST_TIME:
            raise ValueError("no text of a time")
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise _wrong(where, "time", value, "time") from error


def _wrong(where: str, field: str, value: Any, kind: str) -> InvalidAnswer:
    return InvalidAnswer(
        f"Blockchair: {where} holds {str(value)[:SHOWN]!r} in {field}, which is no {kind}. Nothing was written; run "
        "again, and if it stays so, update the client."
    )
