"""The compiled sample contracts: creation code and calldata."""

import functools
import json

from eth_abi import encode

from sandbox.ethereum.compile import COMPILED


@functools.cache
def _contracts() -> dict:
    return json.loads(COMPILED.read_text())["contracts"]


def creation(contract: str, *arguments: object) -> bytes:
    """Return the data of a transaction that creates `contract`."""
    entry = _contracts()[contract]
    return bytes.fromhex(entry["creation"][2:]) + encode(entry["constructor"], arguments)


def calldata(contract: str, function: str, *arguments: object) -> bytes:
    """Return the input that calls `function` (its bare name) of `contract`."""
    for signature, selector in _contracts()[contract]["selectors"].items():
        name, _, types = signature.rstrip(")").partition("(")
        if name == function:
            return bytes.fromhex(selector) + encode([t for t in types.split(",") if t], arguments)
    raise KeyError(f"contract {contract} has no function {function}")
