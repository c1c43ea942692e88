"""Chains without transactions, with real headers: for day edges and reorganisations."""

from assets.ethereum.proofs import encodings, trie

_ROOT = "0x" + trie.EMPTY_ROOT.hex()
_ZERO = "0x" + "00" * 32
# RLP of a block beside its header: a prefix of three bytes, no transactions, no uncles.
EMPTY_LISTS = 5


class SyntheticChain:
    """Blocks without transactions. ``times``: a timestamp per block from genesis on; ``finalized``: a number."""

    def __init__(self, times, finalized=None, knows_finalized=True, answers_empty=False):
        self.times = list(times)
        self.finalized = len(self.times) - 1 if finalized is None else finalized
        self.knows_finalized = knows_finalized
        self.answers_empty = answers_empty  # receipts and traces: these blocks have none
        self.salts = [""] * len(self.times)
        self.calls = 0
        self._rebuild()

    def _rebuild(self):
        self.blocks, parent = [], _ZERO
        for number, salt in enumerate(self.salts):
            block = self._header(number, salt, parent)
            parent = block["hash"]
            self.blocks.append(block)

    @property
    def hashes(self):
        return [block["hash"] for block in self.blocks]

    def _header(self, number, salt, parent):
        columns = {
            "parent_hash": parent,
            "sha3_uncles": _ZERO,
            "miner": "0x" + "00" * 20,
            "state_root": _ZERO,
            "transactions_root": _ROOT,
            "receipts_root": _ROOT,
            "logs_bloom": "0x" + "00" * 256,
            "difficulty": 0,
            "number": number,
            "gas_limit": 30_000_000,
            "gas_used": 0,
            "timestamp": self.times[number],
            "extra_data": "0x" + salt.encode().hex(),
            "nonce": "0x" + "00" * 8,
        }
        later = ("base_fee_per_gas", "withdrawals_root", "blob_gas_used", "excess_blob_gas")
        columns |= dict.fromkeys((*later, "parent_beacon_block_root", "requests_hash"))
        columns |= dict.fromkeys(("block_access_list_hash", "slot_number"))
        header = encodings.header(columns, _ZERO)
        return {
            "number": hex(number),
            "hash": "0x" + trie.keccak(header).hex(),
            "parentHash": parent,
            "sha3Uncles": columns["sha3_uncles"],
            "miner": columns["miner"],
            "stateRoot": _ZERO,
            "transactionsRoot": _ROOT,
            "receiptsRoot": _ROOT,
            "logsBloom": columns["logs_bloom"],
            "difficulty": "0x0",
            "gasLimit": hex(columns["gas_limit"]),
            "gasUsed": "0x0",
            "size": hex(len(header) + EMPTY_LISTS),
            "timestamp": hex(self.times[number]),
            "extraData": columns["extra_data"],
            "mixHash": _ZERO,
            "nonce": columns["nonce"],
            "transactions": [],
        }

    def reorganise(self, number, salt):
        """Replace block ``number`` and all above by others of the same times."""
        self.salts[number:] = [salt] * (len(self.salts) - number)
        self._rebuild()

    def answer(self, request):
        self.calls += 1
        response = {"jsonrpc": "2.0", "id": request["id"]}
        method, params = request["method"], request["params"]
        if method == "web3_clientVersion":
            return response | {"result": "synthetic/1"}
        if method in ("eth_getBlockReceipts", "trace_block") and self.answers_empty:
            return response | {"result": []}
        if method != "eth_getBlockByNumber":
            return response | {"error": {"code": -32601, "message": f"the method {method} does not exist"}}
        tag = params[0]
        if tag == "finalized" and not self.knows_finalized:
            return response | {"error": {"code": -32602, "message": "invalid argument 0: unknown tag"}}
        tags = {"latest": len(self.times) - 1, "finalized": self.finalized}
        number = tags[tag] if tag in tags else int(tag, 16)
        return response | {"result": self.blocks[number] if number < len(self.times) else None}
