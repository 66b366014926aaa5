"""A secret is a reference; its value shows nowhere."""

from __future__ import annotations

import copy
import logging
import os
import pickle

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from datagw.errors import ConfigError
from datagw.gateways.ftps import Ftps
from datagw.gateways.http import Http
from datagw.gateways.local import Local
from datagw.gateways.secrets import Secret
from datagw.gateways.sftp import Sftp
from datagw.gateways.web import credentials

VALUE = "hunter2-ünïcode"


class Place(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    password: Secret | None = None


def test_an_environment_variable_is_read_when_it_is_revealed(monkeypatch):
    secret = Place.model_validate({"password": {"env": "PLACE_PASSWORD"}}).password
    assert secret is not None
    monkeypatch.delenv("PLACE_PASSWORD", raising=False)
    assert secret.missing() == "the environment variable PLACE_PASSWORD is not set"
    with pytest.raises(ConfigError, match="PLACE_PASSWORD"):
        secret.reveal()
    monkeypatch.setenv("PLACE_PASSWORD", VALUE)
    assert secret.missing() is None
    assert secret.reveal() == VALUE


@pytest.mark.parametrize(
    ("content", "value"),
    [("a\n", "a"), ("a", "a"), ("a\n\n", "a\n"), ("a\r\n", "a"), (" a ", " a "), (VALUE, VALUE)],
)
def test_a_file_loses_one_newline_at_its_end(tmp_path, content, value):
    path = tmp_path / "secret"
    path.write_bytes(content.encode())
    secret = Place.model_validate({"password": {"file": str(path)}}).password
    assert secret is not None
    assert secret.reveal() == value


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "absent"
    assert Secret(file=str(path)).missing() == f"the secret file {path} cannot be read: No such file or directory"
    path.write_bytes(b"")
    assert Secret(file=str(path)).missing() == f"the secret file {path} is empty"


def test_a_secret_file_that_is_no_text_does_not_show_its_bytes(tmp_path):
    path = tmp_path / "binary"
    path.write_bytes(b"hunter2\xff")
    with pytest.raises(ConfigError) as caught:
        Secret(file=str(path)).reveal()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_relative_secret_file_starts_at_the_job_file(tmp_path):
    (tmp_path / "x").write_text("found")
    place = Place.model_validate({"password": {"file": "x"}}, context={"base": str(tmp_path)})
    assert place.password is not None
    assert place.password.reveal() == "found"
    at_home = Place.model_validate({"password": {"file": "~/x"}}, context={"base": str(tmp_path)})
    assert at_home.password == Secret(file="~/x")


@pytest.mark.parametrize(
    "given",
    [
        VALUE,
        b"hunter2",
        17,
        "",
        [VALUE],
        {},
        {"env": ""},
        {"value": VALUE},
        {"env": "A", "file": VALUE},
        {"env": [VALUE]},
        {"hunter2": "a"},
    ],
)
def test_what_is_no_reference_is_refused_in_a_job_file_and_not_shown(given):
    with pytest.raises(ValidationError) as caught:
        Place.model_validate({"password": given}, context={"base": "/"})
    text = str(caught.value) + repr(caught.value)
    assert '{ env = "NAME" }' in text
    assert '{ file = "/run/secrets/name" }' in text
    assert "hunter2" not in text


def test_no_value_shows_in_any_form_of_it(monkeypatch, caplog):
    monkeypatch.setenv("PLACE_PASSWORD", VALUE)
    for secret in (Secret(env="PLACE_PASSWORD"), Secret(value=SecretStr(VALUE))):
        place = Place(password=secret)
        assert secret.reveal() == VALUE
        with caplog.at_level(logging.INFO):
            logging.getLogger("test").info("%s %r", place, secret)
        shown = [
            repr(secret),
            str(secret),
            f"{secret}",
            repr(place),
            str(place),
            repr(place.model_dump()),
            place.model_dump_json(),
            caplog.text,
        ]
        assert not [text for text in shown if "hunter2" in text]


def test_what_is_dumped_can_be_read_again():
    for reference in ({"env": "A"}, {"file": "/run/secrets/a"}):
        place = Place.model_validate({"password": reference})
        assert place.model_dump() == {"password": reference}
        assert Place.model_validate_json(place.model_dump_json()) == place
        assert pickle.loads(pickle.dumps(place)) == place
        assert copy.deepcopy(place) == place
        assert hash(place) == hash(Place.model_validate({"password": reference}))


def test_a_reference_has_exactly_one_form():
    with pytest.raises(ConfigError):
        Secret()
    with pytest.raises(ConfigError):
        Secret(env="A", file="/a")


def test_an_environment_variable_that_is_no_utf8_is_handed_on(monkeypatch):
    monkeypatch.setitem(os.environ, "ODD", "\udcff")
    assert Secret(env="ODD").reveal() == "\udcff"


@pytest.mark.parametrize("value", [f"-----BEGIN PRIVATE KEY-----\n{VALUE}", f"PRIVATE KEY {VALUE}", f"{VALUE}\n"])
def test_a_private_key_given_for_its_path_is_not_shown(value):
    with pytest.raises(ValidationError) as raised:
        Sftp(host="h", username="u", private_key=value)
    assert "the path of a key file is meant, not the key itself" in str(raised.value)
    assert VALUE not in f"{raised.value} {raised.value!r}"
    assert Sftp(host="h", username="u", private_key="~/.ssh/private key").private_key == "~/.ssh/private key"


def test_python_code_may_say_the_secret_itself_which_is_hidden_at_once():
    place = Place(password=VALUE)
    assert isinstance(place.password, Secret)
    assert place.password.reveal() == VALUE
    assert VALUE not in repr(place) + str(place) + repr(place.model_dump()) + place.model_dump_json()
    with pytest.raises(ValidationError, match="a secret is a reference"):
        Place(password="")


def test_what_is_called_like_a_secret_is_hidden_where_python_code_says_it():
    with Http(url="https://data.example.org/x", headers={"X-Api-Key": VALUE, "Accept": "text/csv"}) as place:
        assert VALUE not in repr(place)
        assert place.headers["Accept"] == "text/csv"
        assert credentials.headers(place.headers, None, None, None)["X-Api-Key"] == VALUE
    with pytest.raises(ValidationError, match="X-Api-Key is a secret"):
        Http.model_validate({"url": "https://data.example.org", "headers": {"X-Api-Key": VALUE}}, context={"base": "/"})


def test_paths_of_this_machine_may_start_at_home(home):
    assert Ftps(host="a", ca_file="~/ca.pem").ca_file == f"{home}/ca.pem"
    assert Local(root="~/data").root == f"{home}/data"
