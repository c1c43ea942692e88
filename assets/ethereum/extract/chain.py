"""A range of blocks as one consistent chain, whatever the node's head does meanwhile."""

from collections import OrderedDict
from collections.abc import Callable, Iterator

from assets.ethereum.transform.rows import BlockRows
from core.errors import NodeUnavailable
from resources.clients.ethereum.calls import ReadTogether
from resources.clients.ethereum.node import EthereumNode

# Deepest reorganisation that is undone without starting the day again. Finality on mainnet is 64 blocks.
REORG_DEPTH = 128
# Endpoints that disagree would otherwise send us back and forth for ever.
MOST_REORGS = 10


def canonical_blocks(
    node: EthereumNode, read: ReadTogether[BlockRows], first: int, last: int, take_back: Callable[[int], None]
) -> Iterator[BlockRows]:
    """Blocks ``first`` to ``last``, each the child of the one before.

    read: makes the rows of some blocks' JSON.
    take_back: called with a block number when that block and all above, already yielded, turned out to be
        reorganised away; they are yielded anew.

    Raises:
        NodeUnavailable: when the chain changes deeper than ``REORG_DEPTH`` or again and again.
    """
    recent: OrderedDict[int, str] = OrderedDict()
    number, reorgs = first, 0
    while number <= last:
        for block in node.blocks(range(number, last + 1), read):
            if number > first and block.parent_hash != recent[number - 1]:
                reorgs += 1
                number = _fork(node, recent, first, number, reorgs)
                recent = OrderedDict((at, hash_) for at, hash_ in recent.items() if at < number)
                take_back(number)
                break
            recent[number] = block.hash
            if len(recent) > REORG_DEPTH:
                recent.popitem(last=False)
            yield block
            number += 1


def _fork(node: EthereumNode, recent: OrderedDict[int, str], first: int, number: int, reorgs: int) -> int:
    """The lowest block that differs from what was yielded, at or below ``number - 1``."""
    oldest = next(iter(recent))
    at = number - 1
    while at >= oldest and node.header(at)["hash"] != recent[at]:
        at -= 1
    if (at < oldest and oldest > first) or reorgs > MOST_REORGS:
        raise NodeUnavailable(
            f"Ethereum node {node.name}: the chain below block {number} changed "
            f"{'again and again' if reorgs > MOST_REORGS else f'more than {REORG_DEPTH} blocks deep'} while it was "
            "fetched. Check that the endpoints are synced to the same chain, then run again."
        )
    return at + 1
