"""What was declared is found again by asset key."""

from dataclasses import dataclass

import pytest

from core.declared import Declarations


@dataclass(frozen=True)
class _Thing:
    asset_path: tuple[str, ...]


@pytest.fixture
def things():
    things = Declarations("thing")
    for path in [("a", "b"), ("a", "b", "c"), ("single",)]:
        things.add(_Thing(path))
    return things


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("lake/a/b", "a/b"),
        ("a/b", "a/b"),
        ("a/lake/b", "a/b"),
        ("a/b/lake", "a/b"),
        ("warehouse/a/b/c", "a/b/c"),
        ("a/b/marts/c", "a/b/c"),
        ("single", "single"),
        ("raw/single", "single"),
    ],
)
def test_an_address_is_found_wherever_the_key_has_the_layer(things, key, found):
    assert things.of_key(key.split("/")).asset_path == tuple(found.split("/"))


@pytest.mark.parametrize("key", ["lake/a", "lake/x/a/b", "b/a", "lake/a/c"])
def test_a_key_of_nothing_declared_is_named(things, key):
    with pytest.raises(KeyError, match=f"asset key {key}: of the declared things, none"):
        things.of_key(key.split("/"))


def test_a_key_that_fits_two_is_refused(things):
    with pytest.raises(KeyError, match=r"a/b, a/b/c has this address"):
        things.of_key(["a", "b", "c"])


def test_an_address_is_declared_once(things):
    things.add(_Thing(("a", "b")))  # the same again
    with pytest.raises(ValueError, match=r"thing a\.b is declared twice"):
        things.add(type("Other", (), {"asset_path": ("a", "b")})())
