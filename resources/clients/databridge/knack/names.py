"""Columns' names from labels, as the old extract made them; two that would be one are an error."""

import re
from collections.abc import Sequence

from core.errors import InvalidAnswer


def column_name(label: str) -> str:
    """The column of a label: ``Facility ID`` is facility_id, ``Days (Open)`` days_open."""
    text = re.sub(r"[ .-]", "_", label)
    text = text[:1].lower() + re.sub(r"([A-Z])", r"_\1", text[1:]).lower()
    text = re.sub(r"[ ()]", "", text)
    return text.replace("__", "_").replace("_i_d", "_id")


def column_names(labels: Sequence[str], source: str) -> list[str]:
    """The column of each label.

    Raises:
        InvalidAnswer: naming two labels that would be one column.
    """
    names: dict[str, str] = {}
    for label in labels:
        name = column_name(label)
        if name in names:
            raise InvalidAnswer(
                f"{source}: the labels {names[name]!r} and {label!r} both become the column {name!r}. Rename one."
            )
        names[name] = label
    return list(names)
