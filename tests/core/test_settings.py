import re
from pathlib import Path

import pytest

from core import settings
from core.errors import SettingError
from core.settings import SETTINGS, Setting, lake_uri_from, stage_from

ROOT = Path(__file__).parents[2]


def test_stages_are_listed_when_one_is_wrong():
    assert stage_from({}) == "local"
    with pytest.raises(SettingError, match="HEADWATER_STAGE='live': expected one of local, test, preprod, prod"):
        stage_from({"HEADWATER_STAGE": "live"})


def test_a_missing_setting_is_one_sentence_with_an_example():
    with pytest.raises(SettingError, match=r"LAKE_URI is not set: .* For example LAKE_URI=s3://"):
        lake_uri_from({"HEADWATER_STAGE": "prod"})


@pytest.mark.parametrize("value", ["abc", "-1", "0.5", "nan"])
def test_numbers_are_checked(value):
    with pytest.raises(SettingError, match="ETHEREUM_BATCH_SIZE"):
        settings.ETHEREUM_BATCH_SIZE.integer({"ETHEREUM_BATCH_SIZE": value})


def test_empty_means_not_set():
    assert Setting("X", "What.", "1", "7").read({"X": ""}) == "7"


def test_env_example_and_docs_name_every_setting_and_no_other():
    names = {setting.name for setting in SETTINGS}
    examples = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert examples == {setting.name: setting.example for setting in SETTINGS}
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    assert documented == names


def test_docs_describe_settings_as_declared():
    text = (ROOT / "docs/settings.md").read_text()
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else "–"
        row = f"| `{setting.name}` | {setting.description} | {default} | `{setting.example}` |"
        assert row in text, f"docs/settings.md lacks the row:\n{row}"
