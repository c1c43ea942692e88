"""Where a connection to PostgreSQL needs no certificate: where it leaves no machine."""

import pytest

from core.loopback import sslmode_for

HERE = ("localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "/var/run/postgresql")
ELSEWHERE = (
    *("db.example.com", "10.0.0.7", "192.168.1.2", "localhost.example.com", "127.0.0.1.example.com", "0.0.0.0"),
    *("2001:db8::1", "127.0.0.1,db.example.com", "db", "code"),
)


@pytest.mark.parametrize("host", HERE)
def test_this_machine_may_go_without(host):
    assert sslmode_for(host) == "prefer"


@pytest.mark.parametrize("host", ELSEWHERE)
def test_every_other_shows_its_certificate(host):
    assert sslmode_for(host) == "verify-full"
