"""A chain over the Amsterdam fork, encoded by ``protocol``: every type of transaction, before the fork and after it.

anvil does not serve the fork. Two days of equal deeds, the first before the fork and the second after it; from then on
ether moves as logs, and a block's gas no longer subtracts refunds. The days are long past, so that they are partitions.
"""

from datetime import date

from eth_utils import keccak

from core.windows import start_of
from tests.standins import protocol

BEFORE, AFTER, LATER = (date(2024, 1, day) for day in (2, 3, 4))
SLOT, FIRST_SLOT_TIME = 12, 1_606_824_023
FRACTION = 11_684_671  # of the blob fee since 2026
GWEI, ETHER = 10**9, 10**18
NO_UNCLES = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
TRANSFER = protocol.to_hex(keccak(b"Transfer(address,address,uint256)"))
SINGLE = protocol.to_hex(keccak(b"TransferSingle(address,address,address,uint256,uint256)"))
BURNT = protocol.to_hex(keccak(b"Selfdestruct(address,uint256)"))
ETHER_ADDRESS = "0xfffffffffffffffffffffffffffffffffffffffe"
TOKEN, COLLECTIBLE, CONTRACT = ("0x" + f"{byte:02x}" * 20 for byte in (0xAA, 0xBB, 0xCC))
KEYS = [keccak(f"user {at}".encode()) for at in range(4)]
USERS = [protocol.address_of(key) for key in KEYS]
BASE_FEE, TIP, REFUND = 7 * GWEI, 2 * GWEI, 4_800
PRICE = BASE_FEE + TIP


def word(value):
    """An address or a number as 32 bytes."""
    return "0x" + (value[2:].rjust(64, "0") if isinstance(value, str) else f"{value:064x}")


def log(address, topics, data="0x"):
    return {"address": address, "topics": topics, "data": data, "removed": False}


def ether(sender, receiver, value):
    """What moving ether emits from the fork on."""
    return log(ETHER_ADDRESS, [TRANSFER, word(sender), word(receiver)], word(value))


class AmsterdamChain:
    """``blocks`` blocks on each of two days, the second after the fork, and one on the day after that.

    chain_id: whose it is. sends_slots: whether its node sends the slot numbers that the hashes commit to.
    """

    def __init__(self, blocks=3, chain_id=1, *, sends_slots=True):
        self.chain_id, self.sends_slots, self.refunded = chain_id, sends_slots, {}
        self.blocks, self.receipts, self._nonces = [], [], [0] * len(KEYS)
        self._withdrawn = 0
        self._add(BEFORE, -1, transactions=[])
        for day in (BEFORE, AFTER):
            for at in range(blocks):
                self._add(day, 1 + at * 3_000 // blocks, self._deeds(day))
        self._add(LATER, 1, transactions=[])

    @property
    def head(self):
        return len(self.blocks) - 1

    def numbers(self, day):
        """The day's blocks, but for the genesis block."""
        half = (self.head - 1) // 2
        return range(1, half + 1) if day == BEFORE else range(half + 1, 2 * half + 1)

    def _transaction(self, user, kind, *, protected=True, **fields):
        fees = {"gasPrice": hex(PRICE)}
        if kind > 1:
            fees |= {"maxPriorityFeePerGas": hex(TIP), "maxFeePerGas": hex(3 * BASE_FEE)}
        if kind > 0:
            fees |= {"accessList": []}
        call = {"type": hex(kind), "chainId": hex(self.chain_id), "nonce": hex(self._nonces[user])}
        call |= {"gas": hex(100_000), "to": CONTRACT, "value": "0x0", "input": "0x"}
        self._nonces[user] += 1
        return protocol.signed(KEYS[user], call | fees | fields, protected=protected)

    def _deeds(self, day):
        """Transactions with the logs of their receipts, and whether they failed."""
        new = day == AFTER
        entries = [{"address": TOKEN, "storageKeys": [word(1), word(2)]}]
        delegated = {"chainId": hex(self.chain_id), "address": CONTRACT, "nonce": "0x1"}
        delegated |= {"yParity": "0x1", "r": hex(2**255 + 5), "s": hex(2**200 + 7)}
        blobs = ["0x01" + f"{at:062x}" for at in (1, 2)]
        token = log(TOKEN, [TRANSFER, word(USERS[0]), word(USERS[1])], word(2**200))
        unique = log(COLLECTIBLE, [TRANSFER, word(USERS[1]), word(USERS[2]), word(77)])
        many = log(COLLECTIBLE, [SINGLE, *map(word, USERS[:3])], word(5) + word(6)[2:])
        amount = 40 * ETHER
        inner = [ether(USERS[2], CONTRACT, 3), ether(CONTRACT, USERS[3], 1)] if new else []
        burnt = [log(ETHER_ADDRESS, [BURNT, word(CONTRACT)], word(9))] if new else []
        paid = [ether(USERS[0], USERS[1], amount)] if new else []
        return [
            (self._transaction(0, 0, to=USERS[1], value=hex(amount)), paid, False),
            (self._transaction(1, 0, protected=False, input="0xa9059cbb" + "00" * 64), [token], False),
            (self._transaction(2, 1, accessList=entries, input="0x01"), [unique, many], False),
            (self._transaction(2, 2, value="0x3", input="0x" + "ab" * 300), [*inner, *burnt, token], False),
            (self._transaction(3, 2, value=hex(ETHER)), [], True),
            (self._transaction(0, 3, maxFeePerBlobGas=hex(GWEI), blobVersionedHashes=blobs), [], False),
            (self._transaction(1, 4, authorizationList=[delegated]), [token], False),
            (self._transaction(2, 2, to=None, input="0x6001600155"), [], False),
            (self._transaction(3, 0, to=None, input="0xfe"), [], True),
        ]

    def _add(self, day, slots, transactions):
        first = -(-(start_of(day) - FIRST_SLOT_TIME) // SLOT)
        number, after_fork = len(self.blocks), day >= AFTER
        header = self._header(number, FIRST_SLOT_TIME + (first + slots) * SLOT)
        receipts = self._receipts(transactions, header)
        refunds = REFUND * bool(transactions) if after_fork else 0
        used = sum(int(receipt["gasUsed"], 16) for receipt in receipts)
        items = [transaction for transaction, _, _ in transactions]
        withdrawals = [self._withdrawal() for _ in range(2)] if transactions else []
        header |= {
            "transactionsRoot": protocol.root([protocol.transaction_bytes(item) for item in items]),
            "receiptsRoot": protocol.root([protocol.receipt_bytes(receipt) for receipt in receipts]),
            "withdrawalsRoot": protocol.root(
                [protocol.rlp.encode(protocol.withdrawal_fields(one)) for one in withdrawals]
            ),
            "logsBloom": protocol.bloom([entry for receipt in receipts for entry in receipt["logs"]]),
            "gasUsed": hex(used + refunds),
            "blobGasUsed": hex(sum(int(receipt.get("blobGasUsed", "0x0"), 16) for receipt in receipts)),
        }
        if after_fork:
            header |= {"blockAccessListHash": protocol.to_hex(keccak(f"accesses {number}".encode()))}
            header |= {"slotNumber": hex(first + slots)}
        block = header | {"transactions": items, "withdrawals": withdrawals, "uncles": []}
        block |= {"hash": protocol.block_hash(block), "size": hex(protocol.block_size(block))}
        if not self.sends_slots:
            block.pop("slotNumber", None)
        self._place(block, receipts)
        self.blocks.append(block)
        self.receipts.append(receipts)

    def _header(self, number, timestamp):
        parent = self.blocks[-1]["hash"] if self.blocks else word(0)
        return {
            "number": hex(number),
            "parentHash": parent,
            "timestamp": hex(timestamp),
            "sha3Uncles": NO_UNCLES,
            "miner": "0x" + "99" * 20,
            "stateRoot": word(number + 1),
            "difficulty": "0x0",
            "gasLimit": hex(60_000_000),
            "extraData": "0x616d7374657264616d",
            "mixHash": word(number + 2),
            "nonce": "0x" + "00" * 8,
            "baseFeePerGas": hex(BASE_FEE),
            "excessBlobGas": hex(131_072 * 300),
            "requestsHash": word(4),
            "parentBeaconBlockRoot": word(5),
        }

    def _receipts(self, transactions, header):
        receipts, total, logs_before = [], 0, 0
        for at, (transaction, logs, failed) in enumerate(transactions):
            used = 21_000 + 1_000 * at
            total += used
            placed = [entry | {"logIndex": hex(logs_before + place)} for place, entry in enumerate(logs)]
            logs_before += len(logs)
            receipt = {
                "type": transaction["type"],
                "status": hex(not failed),
                "cumulativeGasUsed": hex(total),
                "gasUsed": hex(used),
                "logs": placed,
                "logsBloom": protocol.bloom(logs),
                "transactionHash": transaction["hash"],
                "transactionIndex": hex(at),
                "contractAddress": None,
                "effectiveGasPrice": hex(PRICE),
                "from": transaction["from"],
                "to": transaction["to"],
            }
            if transaction["to"] is None:
                receipt["contractAddress"] = protocol.created_by(transaction["from"], transaction["nonce"])
            if blobs := transaction.get("blobVersionedHashes"):
                price = protocol.blob_price(int(header["excessBlobGas"], 16), FRACTION)
                receipt |= {"blobGasUsed": hex(131_072 * len(blobs)), "blobGasPrice": hex(price)}
            receipts.append(receipt)
        return receipts

    def _withdrawal(self):
        self._withdrawn += 1
        at = self._withdrawn
        return {"index": hex(at), "validatorIndex": hex(900 + at), "address": USERS[0], "amount": hex(10**7 + at)}

    @staticmethod
    def _place(block, receipts):
        """Tell the items which block they are of."""
        place = {"blockHash": block["hash"], "blockNumber": block["number"]}
        for at, item in enumerate(block["transactions"]):
            item.update(place, transactionIndex=hex(at))
        for receipt in receipts:
            owner = {name: receipt[name] for name in ("transactionHash", "transactionIndex")}
            receipt.update(place, logs=[entry | place | owner for entry in receipt["logs"]])

    def answer(self, request):
        """A node's response."""
        method, params = request["method"], request["params"]
        response = {"jsonrpc": "2.0", "id": request["id"]}
        if method in ("web3_clientVersion", "eth_chainId"):
            return response | {"result": "amsterdam/1" if method == "web3_clientVersion" else hex(self.chain_id)}
        if method not in ("eth_getBlockByNumber", "eth_getBlockReceipts"):
            return response | {"error": {"code": -32601, "message": f"the method {method} does not exist"}}
        number = self.head if params[0] in ("latest", "finalized") else int(params[0], 16)
        if number > self.head:
            return response | {"result": None}
        if method == "eth_getBlockReceipts":
            return response | {"result": self.receipts[number]}
        block = self.blocks[number]
        if not params[1]:
            block = block | {"transactions": [transaction["hash"] for transaction in block["transactions"]]}
        return response | {"result": block}
