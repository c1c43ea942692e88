"""Schedules as cron has them: five fields, checked without a library, so that a file can be judged anywhere."""

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Name, least, most, and words for the numbers from the least on.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_PART = re.compile(r"(\*|(?P<first>\w{1,3})(-(?P<last>\w{1,3}))?)(/(?P<step>[0-9]{1,2}))?(#(?P<nth>[1-5]))?")
LONGEST = 200


def check_cron(text: str) -> str:
    """The text, if it is a cron of five fields; names of months and days, steps and ``0#1`` included.

    Raises:
        ValueError: naming the field and what it may hold.
    """
    fields = text.split()
    if len(fields) != len(_FIELDS) or len(text) > LONGEST:
        raise ValueError(f"expected five fields of cron in UTC, such as 0 5 * * *; it has {len(fields)}")
    numbers = [_numbers(value, *field) for value, field in zip(fields, _FIELDS, strict=True)]
    # Dagster loads nothing at all beside a 30th of February, and its scheduler looks for a 31st of April in vain.
    if min(numbers[2]) > max(_LENGTHS[month - 1] for month in numbers[3]):
        raise ValueError(f"day of the month is {fields[2]!r}; expected one that month {fields[3]!r} has")
    return " ".join(fields)


def _numbers(value: str, name: str, least: int, most: int, words: tuple[str, ...]) -> set[int]:
    """What a field stands for."""
    found: set[int] = set()
    for part in value.split(","):
        numbers = _range(part, least, most, words)
        if numbers is None:
            raise ValueError(f"{name} is {value!r}; expected {least} to {most}, as in 0 5 * * * (UTC)")
        found.update(numbers)
    return found


def _range(part: str, least: int, most: int, words: tuple[str, ...]) -> range | None:
    found = _PART.fullmatch(part)
    if not found or (found["nth"] and (words != _DAYS or not found["first"] or found["last"] or found["step"])):
        return None
    step = int(found["step"] or 1)
    first = _number(found["first"], least, words) if found["first"] else least
    last = _number(found["last"], least, words) if found["last"] else most
    if step == 0 or first is None or last is None or not least <= first <= last <= most:
        return None
    alone = found["first"] and not found["last"] and not found["step"]
    return range(first, first + 1 if alone else last + 1, step)


def _number(text: str, least: int, words: tuple[str, ...]) -> int | None:
    if text.lower() in words:
        return words.index(text.lower()) + least
    return int(text) if text.isascii() and text.isdigit() else None
