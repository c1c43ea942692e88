"""What rooms declare, found again by asset key: the declared address, with a layer's name wherever the key has it."""

from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar


class Addressed(Protocol):
    """Something that is declared under an address of its own."""

    @property
    def asset_path(self) -> tuple[str, ...]: ...


Item = TypeVar("Item", bound=Addressed)


class Declarations(Generic[Item]):
    """Everything of one kind that was declared so far. kind: what an error calls it, such as ``table``."""

    def __init__(self, kind: str):
        self._kind, self._items = kind, dict[tuple[str, ...], Item]()

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def add(self, item: Item) -> None:
        """Take an item up; the same one again, as when a module is loaded twice, is nothing new.

        Raises:
            ValueError: when another one has its address.
        """
        if self._items.setdefault(item.asset_path, item) != item:
            raise ValueError(f"{self._kind} {'.'.join(item.asset_path)} is declared twice")

    def of_key(self, key: Sequence[str]) -> Item:
        """The item whose address an asset key is, alone or with one more part: ``lake/<address>``, ``<address>``, ...

        Raises:
            KeyError: when none is declared, or more than one fits.
        """
        parts = tuple(key)
        addresses = {parts, *(parts[:at] + parts[at + 1 :] for at in range(len(parts)))}
        found = [self._items[address] for address in sorted(addresses) if address in self._items]
        if len(found) != 1:
            named = ", ".join("/".join(item.asset_path) for item in found) or "none"
            raise KeyError(
                f"asset key {'/'.join(parts)}: of the declared {self._kind}s, {named} has this address with at most a "
                "layer's name beside it. Name the asset after exactly one, and import its room's declarations."
            )
        return found[0]
