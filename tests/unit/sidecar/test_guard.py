"""Who may talk to the sidecar."""

import pytest

from tierrouter_sidecar.guard import host_is_allowed, is_json, own_names, why_refused


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8383", "localhost", "LOCALHOST:80", "[::1]", "[::1]:8383", "127.8.9.1:1", "::1"]
)
def test_loopback_names_are_allowed(host):
    assert host_is_allowed(host, ())


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8383",
        "0.0.0.0",
        "10.0.0.7",
        "[::2]:1",
        "127.0.0.1:8383.evil.example",
        "localhost:80@evil.example",
        "[::1]evil",
    ],
)
def test_other_names_are_refused(host):
    assert not host_is_allowed(host, ())
    assert why_refused("POST", {"Host": host}, ()) is not None


def test_a_configured_name_is_allowed():
    assert host_is_allowed("router.internal:8383", {"router.internal"})


@pytest.mark.parametrize(
    ("listens_on", "host"),
    [
        ("192.0.2.2", "192.0.2.2:8383"),
        ("Router.internal", "router.internal:8383"),
        ("2001:DB8::0:1", "[2001:db8::0:1]:8383"),
        ("2001:DB8::0:1", "[2001:db8::1]:8383"),
    ],
)
def test_the_address_that_is_listened_on_is_allowed(listens_on, host):
    assert host_is_allowed(host, own_names(listens_on, ()))
    assert not host_is_allowed("evil.example:8383", own_names(listens_on, ()))


@pytest.mark.parametrize("listens_on", ["0.0.0.0", "::"])
def test_every_address_is_no_name(listens_on):
    assert own_names(listens_on, ("Router.internal",)) == {"router.internal"}


@pytest.mark.parametrize(
    ("host", "option"),
    [
        ("Router.internal:8383", "--allow-host router.internal"),
        ("[2001:db8::1]:8383", "--allow-host 2001:db8::1"),
        ("$(x)", "--allow-host NAME"),
    ],
)
def test_a_refusal_says_which_option_would_allow_it(host, option):
    refused = why_refused("GET", {"Host": host}, ())
    assert refused is not None and refused.endswith(option)
    assert host_is_allowed(host, {option.removeprefix("--allow-host ")}) == (not option.endswith("NAME"))


def test_a_web_page_is_refused_even_from_loopback():
    assert why_refused("POST", {"Host": "localhost", "Origin": "http://localhost:3000"}, ()) is not None
    assert why_refused("GET", {"Host": "localhost", "Origin": "null"}, ()) is not None


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_json(content_type):
    assert is_json(content_type)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_what_a_form_can_send_is_not(content_type):
    assert not is_json(content_type)
