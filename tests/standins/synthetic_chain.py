"""Chains made of nothing but numbers, times and parents: for day edges and reorganisations."""

import hashlib


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
        self.hashes, parent = [], "0x" + "00" * 32
        self.parents = []
        for number, salt in enumerate(self.salts):
            self.parents.append(parent)
            parent = "0x" + hashlib.sha256(f"{number}{salt}{parent}".encode()).hexdigest()
            self.hashes.append(parent)

    def reorganise(self, number, salt):
        """Replace block ``number`` and all above by others of the same times."""
        self.salts[number:] = [salt] * (len(self.salts) - number)
        self._rebuild()

    def block(self, number):
        return {
            "number": hex(number),
            "hash": self.hashes[number],
            "parentHash": self.parents[number],
            "timestamp": hex(self.times[number]),
            "transactions": [],
        }

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
        return response | {"result": self.block(number) if number < len(self.times) else None}
