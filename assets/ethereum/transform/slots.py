"""Slot numbers that a node leaves out of its headers, of mainnet: there they follow from the blocks' times."""

import pyarrow as pa

from resources.clients.ethereum.shapes import QUANTITY

# The beacon chain's first slot, in Unix seconds, and how long a slot is.
GENESIS, SECONDS = 1_606_824_023, 12


def with_slots(blocks: pa.StructArray) -> pa.StructArray:
    """The same blocks; those of Amsterdam and later without ``slotNumber`` get the one of their time.

    blocks: the node's fields as text. The block's hash is over the slot, too: a wrong one is not proved.
    """
    fields = {field.name: blocks.field(field.name) for field in blocks.type}
    rows = zip(*(fields[name].to_pylist() for name in ("slotNumber", "blockAccessListHash", "timestamp")), strict=True)
    slots = [slot_of(stamp) if slot is None and accesses is not None else slot for slot, accesses, stamp in rows]
    fields["slotNumber"] = pa.array(slots, pa.string())
    return pa.StructArray.from_arrays(list(fields.values()), fields=list(blocks.type))


def slot_of(timestamp: str | None) -> str | None:
    """The slot of a block's time, both as hex; None for a time that is none, or before the first slot."""
    if timestamp is None or not QUANTITY.fullmatch(timestamp):
        return None
    seconds = int(timestamp, 16) - GENESIS
    return hex(seconds // SECONDS) if seconds >= 0 else None
