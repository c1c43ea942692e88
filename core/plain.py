"""An outsider's words in messages: what nodes and APIs answer is told as text, in one line, and never too long."""

# What renderers of Markdown, HTML and chats act on.
MARKUP = frozenset("<>`[]!*")


def one_line(text: object, most: int) -> str:
    """So many characters of it, in one line: no line break, no character of control, single spaces."""
    shown = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 2 * most])
    return " ".join(shown.split())[:most].rstrip()


def plain(text: object, most: int) -> str:
    """The same without anything that a renderer would act on."""
    return one_line("".join(" " if letter in MARKUP else letter for letter in str(text)[: 2 * most]), most)
