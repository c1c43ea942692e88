"""Levels are counted as a decoder meets them, whatever stands in strings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.nesting import TooDeepError, nesting, require_shallow

pytestmark = pytest.mark.fuzz

TEXTS = st.text(alphabet='[]{}"\\ a\n\0', max_size=12)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=30,
)


def _depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


@given(VALUES, st.booleans())
def test_the_levels_of_any_value(value, ascii_only):
    assert nesting(json.dumps(value, ensure_ascii=ascii_only).encode()) == _depth(value)


@given(st.binary(max_size=200))
def test_any_bytes_have_a_depth(raw):
    assert 0 <= nesting(raw) <= len(raw)


def test_a_million_levels_are_refused_without_being_decoded():
    for text in (b"[" * 10**6, b'{"a":' * 10**6 + b"1" + b"}" * 10**6):
        with pytest.raises(TooDeepError, match="nested 1,000,000 levels deep, more than 64"):
            require_shallow(text)
    require_shallow(b"[" * 64)
