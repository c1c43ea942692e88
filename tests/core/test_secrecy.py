"""Known secrets are in no text, whatever a server or a library makes of them."""

import base64
import logging

import pytest

from core.clock import Clock
from core.errors import SettingError
from core.secrecy import hidden, keep_secret, keep_uri_secret
from resources.clients.ethereum.transports import transport_for


def test_a_uris_key_is_hidden_wherever_it_stood():
    keep_uri_secret("https://reader:s3cret%2Fpassword@node.example.com/v3/0123456789abcdef?apikey=fedcba9876543210")
    login = base64.b64encode(b"reader:s3cret/password").decode()
    for said in ("0123456789abcdef", "fedcba9876543210", "s3cret/password", "s3cret%2Fpassword", login):
        assert hidden(f"refused: {said}!") == "refused: ***!"
    assert hidden("https://node.example.com/v3") == "https://node.example.com/v3"


def test_short_words_stay_words():
    keep_secret("test", "")
    assert hidden("a test") == "a test"


@pytest.mark.parametrize("logger", ["urllib3.connectionpool", "websockets.client"])
def test_libraries_log_no_secret(logger, caplog):
    keep_secret("a-key-of-the-node")
    with caplog.at_level(logging.DEBUG, logger=logger):
        logging.getLogger(logger).debug("> GET /v3/%s HTTP/1.1", "a-key-of-the-node")
    assert caplog.messages == ["> GET /v3/*** HTTP/1.1"]


@pytest.mark.parametrize(
    "uri",
    [
        "node.example.com/v3/planted-key",
        "http://user:planted/key@node.example.com",
        "htps://node.example.com/planted-key",
        "http://:planted-key@/",
        "planted-key",
    ],
)
def test_a_mistyped_address_is_refused_without_being_shown(uri):
    with pytest.raises(SettingError) as error:
        transport_for(uri, 1, 1, Clock())
    chain, shown = error.value, []
    while chain:
        shown.append(str(chain))
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    assert "planted" not in " ".join(shown)
