"""What becomes of a call by the kind of its refusals: asked again, asked elsewhere, or given up with which error."""

from core.errors import (
    ChainReorganised,
    CommitmentMismatch,
    HeadwaterError,
    HistoryPruned,
    InvalidAnswer,
    MethodUnsupported,
    NodeBehind,
    NodeRefused,
    NodeUnavailable,
    QuotaSpent,
    StateMissing,
)
from resources.clients.ethereum.refusals import Kind

# What a call is given up with, by the kind of its last refusal.
_GIVEN_UP: dict[Kind, tuple[type[HeadwaterError], str]] = {
    Kind.BEHIND: (NodeBehind, "Check that the node is synced, then run again."),
    Kind.PRUNED: (HistoryPruned, "Use a node that holds the whole chain."),
    Kind.STATE_MISSING: (StateMissing, "Only an archive node keeps it: set ETHEREUM_PROVIDER_URI_ARCHIVAL to one."),
    Kind.TIMEOUT: (NodeUnavailable, "The time was short: raise ETHEREUM_TIMEOUT, then run again."),
    Kind.QUOTA_SPENT: (QuotaSpent, "Use another plan or another node, or run again after the quota is reset."),
    Kind.UNREACHABLE: (
        NodeUnavailable,
        "Check the node: host, port and scheme of ETHEREUM_PROVIDER_URI, and that it runs; then run again.",
    ),
    Kind.UNSUPPORTED: (MethodUnsupported, "Use a node that offers it."),
    Kind.INVALID: (NodeRefused, "Use a node that accepts it."),
    Kind.UNPROVEN: (CommitmentMismatch, "Compare the block with a node you trust; nothing of the day was published."),
    Kind.UNKNOWN_TO_US: (
        CommitmentMismatch,
        "No node can change that: use a version of Headwater that knows it, or ETHEREUM_VERIFY=off to export unproved.",
    ),
    Kind.UNFIT: (InvalidAnswer, "Compare the block with a node you trust; nothing of the day was published."),
    Kind.MOVED: (ChainReorganised, "Materialize the day's blocks again, then what follows from them."),
}


def given_up(kind: Kind, story: str) -> HeadwaterError:
    """The error to end with when the last refusal was of that kind."""
    error, remedy = _GIVEN_UP.get(kind, (NodeUnavailable, "Check the node, then run again."))
    return error(f"{story} {remedy}")


# Asking the same endpoint again cannot change these; another endpoint may still answer.
FINAL = {
    Kind.UNSUPPORTED,
    Kind.INVALID,
    Kind.MOVED,
    Kind.UNPROVEN,
    Kind.UNKNOWN_TO_US,
    Kind.UNFIT,
    Kind.PRUNED,
    Kind.STATE_MISSING,
    Kind.QUOTA_SPENT,
}
# Kinds of which a request as a whole may be refused although its calls, alone, would not be.
OF_THE_BATCH = {Kind.INVALID, Kind.UNSUPPORTED}
# What single calls of a request may be refused for because of the others in it.
OF_THE_SIZE = {Kind.TOO_LARGE, Kind.TIMEOUT}
# What a call alone may get again and again while the node answers others.
OF_THE_CALL = {Kind.SERVER_ERROR, Kind.TIMEOUT}
