"""Ethereum's encodings, written item by item with other libraries and apart from the product's: each tells whether
the other is right.

Transactions, receipts and headers are a node's JSON objects, as the answers have them.
"""

import rlp
from eth_keys import keys
from eth_utils import keccak

HEADER = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty"),
    *("number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas"),
    *("withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash"),
    *("blockAccessListHash", "slotNumber"),
)
NUMBERS = {
    *("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas"),
    *("slotNumber", "gas", "gasPrice", "value", "maxFeePerGas", "maxPriorityFeePerGas", "maxFeePerBlobGas", "chainId"),
    *("yParity", "v", "r", "s", "index", "validatorIndex", "amount", "status", "cumulativeGasUsed"),
}
# What a type's signature is over, in order; "nonce" of a header is bytes, a transaction's is a number.
CALL = ("gas", "to", "value", "input")
DYNAMIC = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", *CALL, "accessList")
FIELDS = {
    0: ("nonce", "gasPrice", *CALL),
    1: ("chainId", "nonce", "gasPrice", *CALL, "accessList"),
    2: DYNAMIC,
    3: (*DYNAMIC, "maxFeePerBlobGas", "blobVersionedHashes"),
    4: (*DYNAMIC, "authorizationList"),
}


def data(text):
    """The bytes of hex text; none where there is no text."""
    return bytes.fromhex(text[2:]) if text else b""


def number(text):
    """The bytes of a hex number, without leading zeros."""
    value = int(text, 16)
    return value.to_bytes((value.bit_length() + 7) // 8)


def to_hex(raw):
    return "0x" + raw.hex()


def _field(name, value, nonce=number):
    if name == "nonce":
        return nonce(value)
    if name == "accessList":
        return [[data(entry["address"]), [data(key) for key in entry["storageKeys"]]] for entry in value]
    if name == "authorizationList":
        return [
            [*(number(one["chainId"]), data(one["address"]), number(one["nonce"]))]
            + [number(one[part]) for part in ("yParity", "r", "s")]
            for one in value
        ]
    if name == "blobVersionedHashes":
        return [data(one) for one in value]
    return number(value) if name in NUMBERS else data(value)


def _typed(kind, items):
    return (bytes([kind]) if kind else b"") + rlp.encode(items)


def transaction_bytes(transaction):
    """A signed transaction, which its hash is the hash of."""
    kind = int(transaction["type"], 16)
    fields = [_field(name, transaction[name]) for name in FIELDS[kind]]
    signature = [number(transaction[name]) for name in ("yParity" if kind else "v", "r", "s")]
    return _typed(kind, fields + signature)


def signed(key, transaction, *, protected=True):
    """The transaction with signature, hash and sender. key: the sender's, 32 bytes. protected: as of EIP-155."""
    kind, chain = int(transaction["type"], 16), number(transaction["chainId"])
    fields = [_field(name, transaction[name]) for name in FIELDS[kind]]
    if not kind and protected:
        fields += [chain, b"", b""]
    private = keys.PrivateKey(key)
    signature = private.sign_msg_hash(keccak(_typed(kind, fields)))
    parity = signature.v
    v = parity if kind else 35 + 2 * int.from_bytes(chain) + parity if protected else 27 + parity
    found = transaction | {"v": hex(v), "r": hex(signature.r), "s": hex(signature.s)}
    if kind:
        found |= {"yParity": hex(parity)}
    elif not protected:
        del found["chainId"]
    return found | {"hash": to_hex(keccak(transaction_bytes(found))), "from": address_of(key)}


def address_of(key):
    return to_hex(keys.PrivateKey(key).public_key.to_canonical_address())


def created_by(sender, nonce):
    """The address of the contract that a transaction creates."""
    return to_hex(keccak(rlp.encode([data(sender), number(nonce)]))[12:])


def receipt_bytes(receipt):
    logs = [
        [data(log["address"]), [data(topic) for topic in log["topics"]], data(log["data"])] for log in receipt["logs"]
    ]
    outcome = data(receipt["root"]) if receipt.get("root") else number(receipt["status"])
    return _typed(
        int(receipt["type"], 16), [outcome, number(receipt["cumulativeGasUsed"]), data(receipt["logsBloom"]), logs]
    )


def bloom(logs):
    bits = 0
    for log in logs:
        for item in (log["address"], *log["topics"]):
            digest = keccak(data(item))
            for at in (0, 2, 4):
                bits |= 1 << (int.from_bytes(digest[at : at + 2]) & 2047)
    return f"0x{bits:0512x}"


def withdrawal_fields(withdrawal):
    return [_field(name, withdrawal[name]) for name in ("index", "validatorIndex", "address", "amount")]


def header_fields(block):
    """The header's items in order, those of later forks as far as the block has them."""
    return [_field(name, block[name], nonce=data) for name in HEADER if block.get(name) is not None]


def block_hash(block):
    return to_hex(keccak(rlp.encode(header_fields(block))))


def block_size(block):
    """Bytes of the block without uncles."""
    items = []
    for transaction in block["transactions"]:
        encoded = transaction_bytes(transaction)
        items.append(encoded if int(transaction["type"], 16) else rlp.decode(encoded))
    parts = [header_fields(block), items, []]
    if block.get("withdrawalsRoot") is not None:
        parts.append([withdrawal_fields(one) for one in block["withdrawals"]])
    return len(rlp.encode(parts))


def root(items):
    """The root of the trie of encoded items under their positions."""
    pairs = [(_nibbles(rlp.encode(at)), item) for at, item in enumerate(items)]
    return to_hex(keccak(rlp.encode(_node(pairs) if pairs else b"")))


def _node(pairs):
    if len(pairs) == 1:
        path, value = pairs[0]
        return [_compact(path, leaf=True), value]
    shared = 0
    while len({path[shared] if shared < len(path) else None for path, _ in pairs}) == 1:
        shared += 1
    if shared:
        inside = [(path[shared:], value) for path, value in pairs]
        return [_compact(pairs[0][0][:shared], leaf=False), _reference(_node(inside))]
    branch = []
    for nibble in range(16):
        below = [(path[1:], value) for path, value in pairs if path[:1] == [nibble]]
        branch.append(_reference(_node(below)) if below else b"")
    return [*branch, next((value for path, value in pairs if not path), b"")]


def _reference(node):
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak(encoded)


def _nibbles(key):
    return [nibble for byte in key for nibble in (byte >> 4, byte & 15)]


def _compact(path, *, leaf):
    odd = len(path) % 2
    nibbles = [2 * leaf + odd, *([] if odd else [0]), *path]
    return bytes(16 * high + low for high, low in zip(nibbles[::2], nibbles[1::2], strict=True))


def blob_price(excess, fraction):
    """Price of a unit of blob gas, EIP-4844's fake_exponential."""
    total, part, at = 0, fraction, 1
    while part > 0:
        total += part
        part = part * excess // (fraction * at)
        at += 1
    return total // fraction
