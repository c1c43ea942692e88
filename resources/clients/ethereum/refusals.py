"""What it means when a node gives no usable answer: every wording, code and HTTP status, decided in this one place.

Nodes and providers agree on little. Words say most, then the JSON-RPC code, then the HTTP status; ``WORDS`` is the
table of what real ones say, looked through from the top. An error whose id is null, or a status without JSON-RPC in
its body, is about the request as a whole and tells nothing of the calls in it.
"""

from enum import Enum
from typing import Any

from core.plain import one_line
from core.secrecy import hidden


class Kind(Enum):
    """Why an endpoint gave no usable answer."""

    RATE_LIMITED = "rate limit"
    QUOTA_SPENT = "quota spent"
    SERVER_ERROR = "server error"
    TIMEOUT = "time-out"
    TOO_LARGE = "request or answer too large"
    UNBATCHED = "only single calls are taken"
    UNREACHABLE = "not reached"
    BROKEN = "broken answer"
    BEHIND = "block or receipt not there yet"
    PRUNED = "block no longer held"
    STATE_MISSING = "state not held"
    MOVED = "another block by now"
    UNPROVEN = "the header commits to something else"
    UNKNOWN_TO_US = "this version does not know it"
    UNFIT = "no column takes it"
    UNSUPPORTED = "method not offered"
    DENIED = "access denied"
    INVALID = "request refused"


class Refusal(Exception):
    """An endpoint gave no usable answer.

    retry_after: seconds the server asked to wait, if it did.
    """

    def __init__(self, kind: Kind, detail: str, retry_after: float | None = None):
        # Whatever of the node's own words is in it: a message is one line, and a value may be a megabyte long.
        self.kind, self.detail, self.retry_after = kind, one_line(hidden(detail), MOST_TOLD), retry_after
        super().__init__(f"{kind.value}: {self.detail}")

    @property
    def is_error(self) -> bool:
        """Whether the node said so by an error object, instead of sending nothing."""
        return self.detail.startswith(JSON_RPC_ERROR)


JSON_RPC_ERROR = "JSON-RPC error"


# Characters of a node's message, or of one of its values, that are repeated in ours, and of all that is told.
QUOTED, MOST_TOLD = 200, 800

WORDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (
        Kind.QUOTA_SPENT,
        ("monthly", "out of credits", "quota exceeded", "quota reached", "exceeded the quota", "credits exhausted"),
    ),
    # Alchemy, Infura, QuickNode, Erigon's and geth's own limits
    (
        Kind.RATE_LIMITED,
        ("rate limit", "rate-limit", "too many requests", "exceeded its", "capacity exceeded", "request limit reached"),
    ),
    # jsonrpsee, and gateways in front of it
    (
        Kind.UNBATCHED,
        ("batched requests are not", "batch requests are not", "batching is not", "batch is not", "batches are not"),
    ),
    # Base and dRPC ("batch of more than 3"), geth ("batch too large"), Hemi; answers over geth's 25 MB
    (Kind.TOO_LARGE, ("batch", "too large", "response size", "too big", "limit exceeded")),
    # geth's hash and path schemes, Erigon, Nethermind, Besu, Reth
    (
        Kind.STATE_MISSING,
        (
            "missing trie node",
            "historical state",
            "state is not available",
            "state not available",
            "state unavailable",
            "no state available",
            "state histor",
            "state has been pruned",
            "state already been pruned",
            "pruned state",
            "state at block",
            "world state",
            "archive node",
        ),
    ),
    # EIP-4444, and nodes that began with a snapshot
    (Kind.PRUNED, ("pruned", "pruning", "history unavailable", "history is not available", "history expired")),
    (Kind.TIMEOUT, ("timeout", "timed out", "time-out", "deadline exceeded", "context canceled")),
    (
        Kind.UNSUPPORTED,
        (
            "method not found",
            "does not exist/is not available",
            "not supported",
            "unsupported method",
            "not available on",
            "method is not available",
            "method not available",
            # proxyd, which stands before Base's and Optimism's own nodes; Besu
            "not whitelisted",
            "method not enabled",
            "method is disabled",
        ),
    ),
    (
        Kind.BEHIND,
        ("indexing is in progress", "unknown block", "block not found", "header not found", "resource not found"),
    ),
)
# EIP-4444's own code, whatever the words are.
PRUNED_CODE = 4444
CODES = {
    -32601: Kind.UNSUPPORTED,
    -32005: Kind.RATE_LIMITED,
    429: Kind.RATE_LIMITED,
    -32604: Kind.UNSUPPORTED,
    -32600: Kind.INVALID,
    -32602: Kind.INVALID,
}
STATUSES = {
    401: Kind.DENIED,
    402: Kind.DENIED,
    403: Kind.DENIED,
    408: Kind.SERVER_ERROR,
    413: Kind.TOO_LARGE,
    429: Kind.RATE_LIMITED,
}


def classify(error: Any, retry_after: float | None = None) -> Refusal:
    """The refusal that a JSON-RPC error object amounts to."""
    code = error.get("code") if isinstance(error, dict) else None
    message = str(error.get("message", "") if isinstance(error, dict) else error)
    detail = f"{JSON_RPC_ERROR} {code}: {one_line(message, QUOTED)}"
    by_code = CODES.get(code) if isinstance(code, int) else None
    kind = Kind.PRUNED if code == PRUNED_CODE else _by_words(message) or by_code or Kind.SERVER_ERROR
    return Refusal(kind, detail, retry_after)


def classify_status(status: int, text: str, retry_after: float | None = None) -> Refusal:
    """The refusal that an HTTP answer without JSON-RPC in its body amounts to."""
    kind = STATUSES.get(status) or (Kind.SERVER_ERROR if status >= 500 else Kind.INVALID)
    return Refusal(kind, f"HTTP {status} {one_line(text, QUOTED)}".strip(), retry_after)


def _by_words(message: str) -> Kind | None:
    said = message.lower()
    return next((kind for kind, words in WORDS if any(word in said for word in words)), None)


# What clients say when the contract, not the node, fails a call: the EVM's exceptional halts, and an endless loop that
# reaches the node's limit. Codes: 3 is geth's for a revert, -32015 Parity's and Nethermind's.
CONTRACT_FAILURES = (
    "revert",
    "invalid opcode",
    "invalid code",
    "bad instruction",
    "undefined instruction",
    "opcode",
    "invalid jump",
    "bad jump",
    "out of gas",
    "outofgas",
    "gas uint64 overflow",
    "gas limit",
    "intrinsic gas",
    "nonce uint64 overflow",
    "stack",
    "write protection",
    "static call",
    "static state",
    "return data out of bounds",
    "out of bounds",
    "out of offset",
    "max initcode size",
    "max code size",
    "contract address collision",
    "insufficient balance",
    "execution aborted",
    "vm execution error",
    "vm exception",
    "evm",
    "precompile",
    "execution error",
    "halt",
)
CONTRACT_CODES = (3, -32015)
# What is the node's even where its words name the EVM, as providers name their plans and endpoints; a contract that
# reverts may say anything. Time and size are the contract's, too.
_THE_NODES = (Kind.RATE_LIMITED, Kind.QUOTA_SPENT, Kind.UNBATCHED, Kind.STATE_MISSING, Kind.PRUNED, Kind.BEHIND)


def is_contracts_own(error: dict[str, Any]) -> bool:
    """Whether an error object of eth_call is a failure of the called contract's code."""
    message = str(error.get("message", "")).lower()
    if error.get("code") in CONTRACT_CODES or "revert" in message:
        return True
    return _by_words(message) not in _THE_NODES and any(words in message for words in CONTRACT_FAILURES)
