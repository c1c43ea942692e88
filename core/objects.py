"""One declaration per published object: its keys in the lake, and what is told of it to those who fetch it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from core.declared import Declarations
from core.layout import filled, names_in
from core.partitions import PartitionAddress


@dataclass(frozen=True)
class PublishedObject:
    """A single object by key, or one for each partition.

    key: the key under the lake's root; of a partitioned object a template with ``{day}`` and other dimensions.
    latest: a second key, which holds what the newest partition's object does.
    content_type, cache_control: headers of both. acl, latest_acl: canned ACLs, such as ``public-read``; the bucket's
        own rules without one. path: the address in asset keys, where it is not system and name.
    """

    system: str
    name: str
    key: str
    latest: str | None = None
    content_type: str | None = None
    cache_control: str | None = None
    acl: str | None = None
    latest_acl: str | None = None
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.latest and self.key.count("{day}") > 1:
            raise ValueError(f"object {self.system}.{self.name}: a key with a latest one beside it has one {{day}}")
        mine = self._samples()
        for other in _declared:
            if other.asset_path != self.asset_path and (shared := mine & other._samples()):
                raise ValueError(f"object {self.system}.{self.name}: {min(shared)} is {other.system}.{other.name}'s")
        _declared.add(self)

    def _samples(self) -> set[str]:
        sample = re.sub(r"{\w+}", "0", self.key)
        return {sample, self.latest} if self.latest else {sample}

    @property
    def asset_path(self) -> tuple[str, ...]:
        """The object's address in asset keys, without the layer's name."""
        return self.path or (self.system, self.name)

    @property
    def asset_key(self) -> list[str]:
        return ["lake", *self.asset_path]

    def key_of(self, partition: PartitionAddress | None) -> str:
        """The key of a partition's object, or of the only one.

        Raises:
            ValueError: when the partition lacks a dimension, or a value is no part of a key.
        """
        return filled(self.key, _values(partition))

    def listed_under(self, partition: PartitionAddress) -> str:
        """The beginning that the keys of all days have in common, for the partition's other dimensions."""
        return filled(self.key, partition.dimensions, partly=True).split("{", 1)[0]

    def day_of(self, key: str, partition: PartitionAddress) -> date | None:
        """The day whose object a key is, for the partition's other dimensions; None when it is no such key."""
        template = filled(self.key, partition.dimensions, partly=True)
        if names_in(template) != ["day"]:
            return None
        before, after = template.split("{day}", 1)
        found = re.fullmatch(re.escape(before) + r"(\d{4}-\d{2}-\d{2})" + re.escape(after), key)
        try:
            return date.fromisoformat(found[1]) if found else None
        except ValueError:
            return None


_declared: Declarations[PublishedObject] = Declarations("object")


def declared_objects() -> list[PublishedObject]:
    """The objects of every room whose declarations were imported."""
    return list(_declared)


def object_of_key(key: list[str]) -> PublishedObject:
    """The object that an asset key is the address of; its room's declarations must have been imported.

    Raises:
        KeyError: when no such object is declared.
    """
    return _declared.of_key(key)


def _values(partition: PartitionAddress | None) -> Mapping[str, str]:
    return {"day": partition.day.isoformat()} | partition.dimensions if partition else {}
