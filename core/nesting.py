"""How deep JSON text is nested, told before it is decoded.

Decoders in C take the machine's stack for each level, and give up by the interpreter's recursion limit, which any
library may raise until the process ends instead. So levels are counted first, in a few passes over the text.
"""

import re
import sys

import numpy as np

# Deeper than any answer of an API; an EVM's call tree alone goes deeper, see ``DEEPEST_CALLS``.
DEEPEST = 64
# The EVM's stack of calls is 1,024 deep, and each call is an object in a list.
DEEPEST_CALLS = 2 * 1024 + DEEPEST

_MARKS = b'[]{}"'
_OTHERS = bytes(byte for byte in range(256) if byte not in _MARKS)
_STRING = re.compile(rb'"[^"]*"?')
# What a decoder needs for each level that is allowed, and the program around it.
_ROOM = 2 * DEEPEST_CALLS


class TooDeepError(ValueError):
    """The text is nested deeper than what is expected may be."""


def nesting(text: bytes) -> int:
    """The most brackets that are open at once, those inside strings not counted. The text need not be JSON."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side end one string and begin the next: with both gone, what is outside stays outside.
    marks = text.translate(None, _OTHERS).replace(b'""', b"")
    codes = np.frombuffer(_STRING.sub(b"", marks), np.uint8)
    if not len(codes):
        return 0
    opens = (codes == ord("[")) | (codes == ord("{"))
    return max(0, int(np.cumsum(np.where(opens, 1, -1)).max()))


def require_shallow(text: bytes, deepest: int = DEEPEST) -> None:
    """Make sure that a text can be decoded: the interpreter is let go as deep as needed, some megabytes of the stack.

    Raises:
        TooDeepError: when it is nested deeper than ``deepest`` levels.
    """
    depth = nesting(text)
    if depth > deepest:
        raise TooDeepError(f"nested {depth:,} levels deep, more than {deepest:,}")
    if depth > DEEPEST and sys.getrecursionlimit() < _ROOM:
        sys.setrecursionlimit(_ROOM)
