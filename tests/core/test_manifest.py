"""A manifest is written as ever, and read as one or refused with a reason."""

import re
from contextlib import suppress
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ethereum.spans import BlockSpan, span_of
from core.contents import Contents
from core.errors import LakeDamaged
from core.manifest import LARGEST_MANIFEST, DataFile, Manifest, facts_of
from core.partitions import PartitionAddress
from tests.standins.lakes import ITEMS

DAY = date(2024, 1, 2)
KEY = "export/items/block_date=2024-01-02/items-1.parquet"
SPAN = BlockSpan(5, 6, "0xfirst", "0xlast", "0xparent")
MANIFEST = Manifest(
    dataset="items",
    day=DAY,
    format="parquet",
    rows=2,
    files=[DataFile(KEY, 2, 700, "ab" * 32)],
    facts=facts_of(ITEMS, {"blocks": SPAN}),
    schema_version=1,
    engine="native",
    verify="full",
    run_id="run",
    evidence="export/items/block_date=2024-01-02/items-1.proof.json",
)
# What stands in the lakes that are there: byte for byte.
WRITTEN = """{
  "dataset": "items",
  "day": "2024-01-02",
  "format": "parquet",
  "rows": 2,
  "files": [
    {
      "key": "export/items/block_date=2024-01-02/items-1.parquet",
      "rows": 2,
      "bytes": 700,
      "sha256": "abababababababababababababababababababababababababababababababab"
    }
  ],
  "blocks": {
    "first": 5,
    "last": 6,
    "first_hash": "0xfirst",
    "last_hash": "0xlast",
    "parent_hash": "0xparent"
  },
  "schema_version": 1,
  "engine": "native",
  "verify": "full",
  "run_id": "run",
  "evidence": "export/items/block_date=2024-01-02/items-1.proof.json"
}
"""


def test_the_text_is_as_ever():
    assert MANIFEST.encode().decode() == WRITTEN
    assert Manifest.decode(WRITTEN.encode()) == MANIFEST
    assert span_of(MANIFEST) == SPAN
    assert MANIFEST.problem(ITEMS, DAY) is None


def test_other_dimensions_are_kept():
    members = {name: getattr(MANIFEST, name) for name in Manifest.__struct_fields__}
    manifest = Manifest(**members | {"dimensions": {"job": "binance.spot.v7"}})
    assert Manifest.decode(manifest.encode()).partition == PartitionAddress.of(DAY, {"job": "binance.spot.v7"})


def test_cut_anywhere_it_is_none():
    for size in range(len(WRITTEN) - 2):
        with pytest.raises(ValueError, match="."):
            Manifest.decode(WRITTEN.encode()[:size])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([*Manifest.__struct_fields__, "blocks"]), JSON)
def test_any_value_in_any_place_is_read_or_refused(name, value):
    raw = msgspec.json.encode(msgspec.json.decode(WRITTEN) | {name: value})
    with suppress(ValueError, LakeDamaged):
        manifest = Manifest.decode(raw)
        assert manifest.problem(ITEMS, DAY) or manifest.partition.day == DAY
        span_of(manifest)


@given(st.binary(max_size=200) | st.integers(1, 3000).map(lambda depth: b"[" * depth))
def test_any_bytes_are_refused(raw):
    with pytest.raises(ValueError, match="."):
        Manifest.decode(raw)


@pytest.mark.parametrize("depth", [900, 100_000])
def test_deep_and_huge_ones_are_refused(depth):
    nested = f'{{"x": {"[" * depth}{"]" * depth}, {WRITTEN[1:]}'.encode()
    if depth == 900:
        assert Manifest.decode(nested).rows == 2
    else:
        with pytest.raises(ValueError, match="too deep|recursion"):
            Manifest.decode(nested)
    with pytest.raises(ValueError, match="more than"):
        Manifest.decode(b" " * (LARGEST_MANIFEST + 1))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"dataset": "others"}, "it is of others"),
        ({"day": "2024-01-03"}, "it is of items, 2024-01-03"),
        ({"dimensions": {"job": "x"}}, "job=x"),
        ({"format": "orc"}, "items has no format 'orc'"),
        ({"evidence": "export/items/block_date=2024-01-03/x"}, "which is no object of the partition"),
        *(
            (
                {"files": [{"key": key, "rows": 1, "bytes": 1, "sha256": "0" * 64}]},
                "which is no object of the partition",
            )
            for key in (
                "/etc/passwd",
                "export/items/block_date=2024-01-02/../../../x",
                "export/items/block_date=2024-01-02/sub/x",
                "export/items/block_date=2024-01-02/_manifest.json",
                "export/items/block_date=2024-01-02/",
                "export/others/block_date=2024-01-02/x",
                "export/items/block_date=2024-01-02/a\n",
            )
        ),
    ],
)
def test_what_is_of_something_else_is_told(changes, problem):
    manifest = Manifest.decode(msgspec.json.encode(msgspec.json.decode(WRITTEN) | changes))
    assert re.search(problem, manifest.problem(ITEMS, DAY))


@pytest.mark.parametrize("span", [{"first": 6, "last": 5}, {"first": -1}, {"last_hash": None}, {"first": "5"}])
def test_a_span_that_is_none_names_the_day(span):
    raw = msgspec.json.decode(WRITTEN)
    raw["blocks"] |= span
    with pytest.raises(LakeDamaged, match=r"items of 2024-01-02 tells no span.*Export the day again"):
        span_of(Manifest.decode(msgspec.json.encode(raw)))


def test_facts_that_the_layout_does_not_declare_are_refused():
    with pytest.raises(ValueError, match=r"test\.items: its layout declares no facts \['moons'\]"):
        facts_of(ITEMS, {"moons": 1})


def test_what_the_columns_add_up_to_is_kept_however_long_the_number():
    members = {name: getattr(MANIFEST, name) for name in Manifest.__struct_fields__}
    contents = Contents(2, {"value": 2}, {"value": str(2 * (2**256 - 1))})
    manifest = Manifest(**members | {"contents": contents})
    assert Manifest.decode(manifest.encode()).contents == contents
    with pytest.raises(ValueError, match="contents"):
        Manifest.decode(manifest.encode().replace(b'"1157', b'"x157').replace(b'"2315', b'"x315'))
