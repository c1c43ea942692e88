"""The recorded sample chain, answering JSON-RPC requests without any server.

Every answer is the recorded client's own, but for the sidecars of blob transactions (README.md).
What was not recorded is refused with an error that says so, never made up.
"""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import msgspec

CHAIN = Path(__file__).parent / "chain.json.gz"
INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32600, -32601, -32602
NOT_RECORDED = -32000

_NULL = msgspec.Raw(b"null")
_HEAD_TAGS = ("latest", "pending")
_LAST_PRECOMPILE = 0xFFFF  # they answer calls although they have no code


class _Entry(msgspec.Struct):
    """One recorded block. The answers stay serialised: they are only ever copied."""

    block: msgspec.Raw
    receipts: msgspec.Raw
    traces: msgspec.Raw
    call_traces: msgspec.Raw
    without_transactions: msgspec.Raw = _NULL


class _Recording(msgspec.Struct):
    tags: dict[str, str]
    blocks: list[_Entry]
    beyond: dict[str, dict[str, msgspec.Raw]]
    calls: dict[str, dict[str, dict[str, msgspec.Raw]]] = msgspec.field(name="eth_call")
    codes: dict[str, str] = msgspec.field(name="eth_getCode")
    balances: dict[str, str] = msgspec.field(name="eth_getBalance")
    chain_id: str = msgspec.field(name="eth_chainId")
    network: str = msgspec.field(name="net_version")
    client: str = msgspec.field(name="web3_clientVersion")


class _RefusalError(Exception):
    """Becomes the JSON-RPC error of one answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message}


class RecordedChain:
    """The recorded chain, answering JSON-RPC requests. Immutable, hence safe between threads."""

    def __init__(self, recording: bytes) -> None:
        """Take the recording as JSON text, already unpacked."""
        self._recording = msgspec.json.decode(recording, type=_Recording)
        self._number_of: dict[str, int] = {}
        self._transactions: dict[str, msgspec.Raw] = {}
        self._receipts: dict[str, msgspec.Raw] = {}
        for number, entry in enumerate(self._recording.blocks):
            self._index(number, entry)
        self.head = len(self._recording.blocks) - 1
        self._facts = {
            "eth_blockNumber": hex(self.head),
            "eth_chainId": self._recording.chain_id,
            "eth_syncing": False,
            "net_version": self._recording.network,
            "web3_clientVersion": self._recording.client,
        }

    @classmethod
    def load(cls, path: Path = CHAIN) -> Self:
        """Load the recording that is committed beside this module, or another."""
        return cls(gzip.decompress(path.read_bytes()))

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one JSON-RPC request with a response object of plain Python values."""
        return msgspec.json.decode(self.answer_bytes(request))

    def answer_bytes(self, request: object) -> bytes:
        """Answer a request object or a batch (a list of them) with the response's JSON."""
        if isinstance(request, list) and request:
            return msgspec.json.encode([self._reply(item) for item in request])
        return msgspec.json.encode(self._reply(request))

    def _index(self, number: int, entry: _Entry) -> None:
        """File a block under its hash and its transactions and receipts under theirs."""
        header = msgspec.json.decode(entry.block, type=dict[str, msgspec.Raw])
        transactions = msgspec.json.decode(header["transactions"], type=list[msgspec.Raw])
        receipts = msgspec.json.decode(entry.receipts, type=list[msgspec.Raw])
        hashes = [msgspec.json.decode(item)["hash"] for item in transactions]
        header["transactions"] = msgspec.Raw(msgspec.json.encode(hashes))
        entry.without_transactions = msgspec.Raw(msgspec.json.encode(header))
        self._number_of[msgspec.json.decode(header["hash"])] = number
        self._transactions.update(zip(hashes, transactions, strict=True))
        self._receipts.update(zip(hashes, receipts, strict=True))

    def _reply(self, request: object) -> dict[str, Any]:
        """Answer one request; a result may still be serialised (msgspec.Raw)."""
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            error = {"code": INVALID_REQUEST, "message": "not a JSON-RPC request"}
            return {"jsonrpc": "2.0", "id": None, "error": error}
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request.get("id")}
        method = request["method"]
        try:
            return reply | self._outcome(method, request.get("params") or [])
        except _RefusalError as refusal:
            return reply | {"error": refusal.error}
        except (LookupError, TypeError, ValueError, AttributeError):
            message = f"cannot read the params of {method}"
            return reply | {"error": {"code": INVALID_PARAMS, "message": message}}

    def _outcome(self, method: str, params: list[Any]) -> dict[str, Any]:
        """Return `{"result": ...}`, or the `{"error": ...}` that the client gave."""
        if method in self._facts:
            return {"result": self._facts[method]}
        handler = _HANDLERS.get(method)
        if handler is None:
            raise _RefusalError(NO_METHOD, f"the sample chain's node has no method {method}")
        return handler(self, method, params)

    def _find(self, at: object) -> _Entry | None:
        """Find a block by hex number, tag, hash or EIP-1898 object; None when there is none."""
        if isinstance(at, dict):
            at = at["blockHash"] if "blockHash" in at else at["blockNumber"]
        if not isinstance(at, str):
            raise TypeError("a block is named by text")
        if len(at) == 66:
            number = self._number_of.get(at.lower(), -1)
        elif at in _HEAD_TAGS:
            number = self.head
        else:
            if at not in self._recording.tags and not at.startswith("0x"):
                raise ValueError("neither a tag nor a hex number")
            number = int(self._recording.tags.get(at, at), 16)
        return self._recording.blocks[number] if 0 <= number <= self.head else None

    def _block(self, method: str, params: list[Any]) -> dict[str, Any]:
        entry = self._find(params[0])
        if entry is None:
            return self._recording.beyond[method]
        full = len(params) > 1 and params[1] is True
        return {"result": entry.block if full else entry.without_transactions}

    def _of_block(self, method: str, params: list[Any]) -> dict[str, Any]:
        field = _FIELDS[method]
        if field == "call_traces" and (len(params) < 2 or params[1].get("tracer") != "callTracer"):
            raise _RefusalError(NOT_RECORDED, f"{method} was recorded with the callTracer only")
        entry = self._find(params[0])
        if entry is None:
            return self._recording.beyond[method]
        return {"result": getattr(entry, field)}

    def _of_transaction(self, method: str, params: list[Any]) -> dict[str, Any]:
        recorded = self._receipts if method.endswith("Receipt") else self._transactions
        return {"result": recorded.get(params[0].lower(), _NULL)}

    def _call(self, method: str, params: list[Any]) -> dict[str, Any]:
        self._require_head(method, params)
        to = params[0]["to"].lower()
        data = (params[0].get("data") or params[0].get("input") or "0x").lower()
        recorded = self._recording.calls.get(to, {}).get(data)
        if recorded is not None:
            return recorded
        if to not in self._recording.codes and int(to, 16) > _LAST_PRECOMPILE:
            return {"result": "0x"}
        raise _RefusalError(NOT_RECORDED, f"eth_call of {to}, data {data[:10]}, was not recorded")

    def _state(self, method: str, params: list[Any]) -> dict[str, Any]:
        # Everyone the chain names was recorded: who it never named has no code and no balance.
        self._require_head(method, params)
        if method == "eth_getCode":
            return {"result": self._recording.codes.get(params[0].lower(), "0x")}
        return {"result": self._recording.balances.get(params[0].lower(), "0x0")}

    def _require_head(self, method: str, params: list[Any]) -> None:
        """State was recorded at the head only, which is also meant when no block is named."""
        at = params[1] if len(params) > 1 else "latest"
        if self._find(at) is not self._recording.blocks[self.head]:
            raise _RefusalError(NOT_RECORDED, f"{method} was recorded at `latest` only")


_FIELDS = {
    "debug_traceBlockByHash": "call_traces",
    "debug_traceBlockByNumber": "call_traces",
    "eth_getBlockReceipts": "receipts",
    "trace_block": "traces",
}
_HANDLERS: dict[str, Callable[[RecordedChain, str, list[Any]], dict[str, Any]]] = {
    **dict.fromkeys(_FIELDS, RecordedChain._of_block),
    "eth_call": RecordedChain._call,
    "eth_getBalance": RecordedChain._state,
    "eth_getBlockByHash": RecordedChain._block,
    "eth_getBlockByNumber": RecordedChain._block,
    "eth_getCode": RecordedChain._state,
    "eth_getTransactionByHash": RecordedChain._of_transaction,
    "eth_getTransactionReceipt": RecordedChain._of_transaction,
}
