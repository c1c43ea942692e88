"""SQL as tokens: enough to find words outside strings and comments, and to cut at brackets and commas."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<string>[eE]?'(?:[^'\\]|''|\\.)*')
    |(?P<dollar>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>\d+(?:\.\d*)?)
    |(?P<symbol>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str

    @property
    def word(self) -> str:
        """In lower case what is no string, for comparing; empty for space and strings."""
        return self.text.lower() if self.kind in ("word", "symbol", "number") else ""

    @property
    def value(self) -> str:
        """What a string or quoted name holds; any other token as it stands."""
        if self.kind == "string":
            inner = self.text[self.text.index("'") + 1 : -1].replace("''", "'")
            escapes = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}
            return re.sub(r"\\(.)", lambda found: escapes.get(found[1], found[1]), inner, flags=re.DOTALL)
        return self.text[1:-1].replace('""', '"') if self.kind == "quoted" else self.text


def tokens(statement: str) -> list[Token]:
    return [Token(found.lastgroup or "", found[0]) for found in _TOKEN.finditer(statement)]


def joined(parts: Sequence[Token]) -> str:
    return "".join(part.text for part in parts)


def significant(parts: Sequence[Token]) -> list[Token]:
    """Without space and comments."""
    return [part for part in parts if part.kind != "space"]


def words(parts: Sequence[Token]) -> list[str]:
    """The significant tokens, for comparing."""
    return [part.word for part in parts if part.kind != "space"]


def split(parts: Sequence[Token], separator: str) -> list[list[Token]]:
    """Cut at a symbol outside brackets."""
    depth, pieces = 0, [[]]
    for part in parts:
        depth += (part.word == "(") - (part.word == ")")
        if part.word == separator and depth == 0:
            pieces.append([])
        else:
            pieces[-1].append(part)
    return pieces


def closing(parts: Sequence[Token], opening: int) -> int:
    """Where the bracket at ``opening`` closes."""
    depth = 0
    for at in range(opening, len(parts)):
        depth += (parts[at].word == "(") - (parts[at].word == ")")
        if depth == 0:
            return at
    return len(parts) - 1


def following(parts: Sequence[Token], at: int) -> int:
    """Where the next significant token after ``at`` is; the length when there is none."""
    return next((index for index in range(at + 1, len(parts)) if parts[index].kind != "space"), len(parts))


def word_at(parts: Sequence[Token], at: int) -> str:
    return parts[at].word if at < len(parts) else ""


def statements(text: str) -> Iterator[list[Token]]:
    """The statements of a query string, without the semicolons; none that is empty."""
    for piece in split(tokens(text), ";"):
        if significant(piece):
            yield piece
