"""The tests of docs/testing.md, run as they stand in the page."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/testing.md"
# Lines of a test, imports left out.
LONGEST = 15


@pytest.mark.slow
@pytest.mark.xdist_group("dbt")
def test_the_pages_tests_pass(tmp_path):
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) == 3
    for number, example in enumerate(examples):
        assert len(example[example.index("\ndef test_") :].strip().splitlines()) <= LONGEST
        (tmp_path / f"test_example_{number}.py").write_text(example)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HEADWATER_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "3 passed" in done.stdout
