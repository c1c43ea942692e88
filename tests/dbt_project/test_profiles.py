"""How dbt logs in to Redshift when it is run by hand, from the settings alone."""

import pytest
import yaml
from dbt.config.profile import Profile
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import set_invocation_context

from resources.dbt import PROJECT_DIR


@pytest.mark.parametrize(
    ("settings", "login"),
    [
        ({"REDSHIFT_USER": "u", "REDSHIFT_PASSWORD": "p"}, ("database", "u", "p", "", False)),
        (
            {"REDSHIFT_USER": "u", "REDSHIFT_PASSWORD": "p", "REDSHIFT_DBT_USER": "d", "REDSHIFT_DBT_PASSWORD": "q"},
            ("database", "d", "q", "", False),
        ),
        ({"REDSHIFT_USER": "u", "REDSHIFT_CLUSTER": "c"}, ("iam", "u", "", "c", False)),
        ({"REDSHIFT_CLUSTER": "c"}, ("iam_role", "", "", "c", False)),
        ({"REDSHIFT_WORKGROUP": "group"}, ("iam_role", "", "", "", True)),
    ],
)
def test_a_password_or_the_iam_identity(settings, login):
    set_invocation_context({"REDSHIFT_HOST": "redshift.example.com"} | settings)
    raw = yaml.safe_load((PROJECT_DIR / "profiles.yml").read_text())
    profile = Profile.from_raw_profiles(raw, "headwater", ProfileRenderer({}), target_override="redshift")
    found = profile.credentials
    assert (found.method, found.user, found.password, found.cluster_id, found.is_serverless) == login
    assert (found.port, found.sslmode, found.retries) == (5439, "verify-full", 0)
    assert "password" not in found._connection_keys()
