"""Schedules as cron has them: five fields, checked without a library, so that a file can be judged anywhere."""

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
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
    for value, (name, least, most, words) in zip(fields, _FIELDS, strict=True):
        for part in value.split(","):
            if not _fits(part, least, most, words):
                raise ValueError(f"{name} is {value!r}; expected {least} to {most}, as in 0 5 * * * (UTC)")
    return " ".join(fields)


def _fits(part: str, least: int, most: int, words: tuple[str, ...]) -> bool:
    found = _PART.fullmatch(part)
    if not found or (found["nth"] and (words != _DAYS or not found["first"] or found["last"] or found["step"])):
        return False
    if found["step"] and int(found["step"]) == 0:
        return False
    ends = [_number(found[name], least, words) for name in ("first", "last") if found[name]]
    inside = all(number is not None and least <= number <= most for number in ends)
    return inside and (len(ends) < 2 or ends[0] <= ends[1])  # type: ignore[operator]


def _number(text: str, least: int, words: tuple[str, ...]) -> int | None:
    if text.lower() in words:
        return words.index(text.lower()) + least
    return int(text) if text.isascii() and text.isdigit() else None
