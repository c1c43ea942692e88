"""The address of one partition of a table: its UTC day, and the values of other dimensions where it has any."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias


@dataclass(frozen=True, order=True)
class PartitionAddress:
    """One partition. ``others``: names and values of the dimensions beside the day, in the order of their names.

    Wherever a partition is asked for, a plain ``date`` will do for a table that has days only.
    """

    day: date
    others: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def of(partition: "Partition", others: Mapping[str, str] | None = None) -> "PartitionAddress":
        """The address of a day, with the values of other dimensions by name."""
        if isinstance(partition, PartitionAddress):
            return partition
        return PartitionAddress(partition, tuple(sorted((others or {}).items())))

    @property
    def dimensions(self) -> dict[str, str]:
        """The values of the dimensions beside the day."""
        return dict(self.others)

    def __str__(self) -> str:
        return " ".join([self.day.isoformat(), *(f"{name}={value}" for name, value in self.others)])


Partition: TypeAlias = date | PartitionAddress
