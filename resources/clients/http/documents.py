"""JSON from outside, within bounds: what would take more memory or time than any honest text is refused, not tried."""

import json
import re
from decimal import Decimal
from typing import Any

from core.nesting import nesting

# The most digits of a number, and the largest power of ten: 2^256 has 78 digits. Arithmetic and formatting of more
# would fill the memory.
MOST_DIGITS, LARGEST_POWER = 100, 100
# The deepest honest answer has some ten levels. Counted, since where Python's own limit lies is for others to set, and
# a C stack ends without an error.
MOST_LEVELS = 100
_POWER = re.compile("[eE]([+-]?[0-9]+)$")
_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


class Unfit(Exception):
    """JSON that would take more memory or time than any honest one, or holds what no text may."""


def document_of(text: str) -> Any:
    """The JSON of a text; None when it is none. Numbers with a point are ``Decimal``; NaN and Infinity are None.

    Raises:
        Unfit: when it is nested deeper, or holds longer numbers, than any honest one, or half a character.
    """
    if nesting(text.encode("utf-8", "replace")) > MOST_LEVELS:
        raise Unfit(f"nested too deep, more than {MOST_LEVELS} levels")
    try:
        document = json.loads(text, parse_float=_decimal, parse_int=_whole, parse_constant=_no_number)
    except ValueError:
        return None
    if _HALF_A_CHARACTER.search(text):
        try:
            json.dumps(document, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError as error:
            raise Unfit("text with half a character in it") from error
    return document


def _decimal(text: str) -> Decimal:
    power = _POWER.search(text)
    if len(text) > MOST_DIGITS or (power and abs(int(power[1])) > LARGEST_POWER):
        raise Unfit(f"a number of {len(text)} characters, {text[:20]}...")
    return Decimal(text)


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise Unfit(f"a number of {len(text)} digits, {text[:20]}...")
    return int(text)


def _no_number(name: str) -> None:
    """NaN and Infinity are no JSON, and no value: unknown."""
