from datetime import date

from sandbox.markets.sample import SAMPLE, sample, write


def test_the_sample_is_what_its_generator_makes(tmp_path):
    write(tmp_path / "sample.json.gz")
    assert (tmp_path / "sample.json.gz").read_bytes() == SAMPLE.read_bytes()


def test_the_sample_is_small():
    assert SAMPLE.stat().st_size < 100_000


def test_daily_sums_agree_with_the_blocks():
    for chain in sample().chains.values():
        for day, sums in chain.sums.items():
            counts = [row["transaction_count"] for row in chain.blocks if date.fromisoformat(row["date"]) == day]
            assert sums["count()"] == sum(counts)
