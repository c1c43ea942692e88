"""Names and texts inside statements."""

from collections.abc import Iterable


def quoted(name: str) -> str:
    """An identifier, quoted: some columns (``index``) are reserved words somewhere."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def listed(names: Iterable[str]) -> str:
    """Identifiers, quoted, with commas between them."""
    return ", ".join(map(quoted, names))


def address_of(address: str) -> tuple[str, str]:
    """Schema and name of ``schema.table``."""
    schema, _, name = address.partition(".")
    return schema, name


def quoted_address(address: str) -> str:
    """``schema.table``, both quoted: of a table or view that no declaration names."""
    return ".".join(map(quoted, address_of(address)))
