"""Addresses that look like those of the chain."""

import random

# Crockford's alphabet, as c32check writes addresses in.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def people(source: random.Random, count: int) -> list[str]:
    """So many principals; every fifth is a contract."""
    names = ["SP" + "".join(source.choices(ALPHABET, k=39)) for _ in range(count)]
    return [f"{name}.vault-{at}" if at % 5 == 4 else name for at, name in enumerate(names)]
