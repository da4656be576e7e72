"""Settings: where they come from, which wins, and one line for each that is wrong, never with a secret in it."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import Settings, kafka_options, load_settings
from models.errors import Fatal

SECRET = "hunter2-correct-horse"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests counts."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SLUICE_{name.upper()}", raising=False)
    monkeypatch.delenv("SLUICE_CONFIG", raising=False)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file that SLUICE_CONFIG names; empty."""
    path = tmp_path / "sluice.toml"
    path.write_text("")
    monkeypatch.setenv("SLUICE_CONFIG", str(path))
    return path


def complaint() -> str:
    with pytest.raises(Fatal) as caught:
        load_settings()
    return str(caught.value)


def test_nothing_has_to_be_set() -> None:
    found = load_settings()
    assert (found.bootstrap, found.security_protocol, found.topic_prefix) == (None, "PLAINTEXT", "")
    assert (found.group, found.instance, found.data_dir) == ("sluice", None, Path(".sluice"))
    assert (found.encoder, found.encoder_path, found.encoder_provider) == ("embedded", None, "cpu")
    assert (found.similarity_floor, found.route_at) == (None, None)
    assert found.escalate_priorities == ("p0", "critical", "urgent", "紧急")
    assert (found.web_host, found.web_port) == ("127.0.0.1", 0)
    assert (found.log_level, found.log_format) == ("info", "json")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        pytest.param("PARTITIONS", "0", "greater than or equal to 1", id="under-its-range"),
        pytest.param("REPLICATION", "10", "less than or equal to 9", id="over-its-range"),
        pytest.param("PARTITIONS", "six", "valid integer", id="no-integer"),
        pytest.param("BATCH_RECORDS", "1.5", "valid integer", id="half-an-integer"),
        pytest.param("SESSION_TIMEOUT_S", "soon", "valid number", id="no-number"),
        pytest.param("SESSION_TIMEOUT_S", "inf", "less than or equal to 300", id="endless"),
        pytest.param("ROUTE_AT", "1.01", "less than or equal to 1", id="share-over-one"),
        pytest.param("DEAD_LETTER_MAX_SHARE", "-0.1", "greater than or equal to 0", id="share-under-zero"),
        pytest.param("SIMILARITY_FLOOR", "nan", "equal to 1", id="not-a-number"),
        pytest.param("MASK_ALSO", "face", "'host', 'name' or 'address'", id="none-of-the-words"),
        pytest.param("ENCODER", "gpt", "'embedded', 'onnx' or 'torch'", id="none-of-the-choices"),
        pytest.param(
            "SECURITY_PROTOCOL", "sasl_ssl", "'SASL_PLAINTEXT' or 'SASL_SSL'", id="choice-in-lower-case"
        ),
        pytest.param("LOG_LEVEL", "trace", "'debug', 'info', 'warning' or 'error'", id="no-such-level"),
        pytest.param("TOPIC_PREFIX", "my topics/", "[A-Za-z0-9._-]{0,100}", id="characters"),
        pytest.param("GROUP", "", "[A-Za-z0-9._-]{1,100}", id="empty"),
        pytest.param("INSTANCE", "a\nb", "[A-Za-z0-9._-]{1,100}", id="line-break"),
        pytest.param("ENCODER_PREFIX", "x" * 201, "at most 200 characters", id="too-long"),
        pytest.param("WEB_PORT", "65536", "less than or equal to 65535", id="no-port"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_name_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(f"SLUICE_{name}", value)
    said = complaint()
    assert said.startswith(f"SLUICE_{name}: ")
    assert allowed in said
    assert said.endswith(f"(it is {value!r})")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        pytest.param(
            {"ENCODER": "onnx"},
            "SLUICE_ENCODER_PATH: is needed for encoder onnx; a local folder or .onnx file",
            id="encoder-without-path",
        ),
        pytest.param(
            {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "me"},
            "SLUICE_SECURITY_PROTOCOL: SASL needs sasl_mechanism, sasl_username and sasl_password",
            id="sasl-without-password",
        ),
        pytest.param(
            {
                "SECURITY_PROTOCOL": "SASL_PLAINTEXT",
                "SASL_MECHANISM": "PLAIN",
                "SASL_USERNAME": "me",
                "SASL_PASSWORD": "",
            },
            "SLUICE_SECURITY_PROTOCOL: SASL needs sasl_mechanism, sasl_username and sasl_password",
            id="sasl-with-an-empty-password",
        ),
        pytest.param(
            {"WORK_TIMEOUT_S": "10", "TRANSACTION_TIMEOUT_S": "11"},
            "SLUICE_WORK_TIMEOUT_S: must not be shorter than transaction_timeout_s",
            id="work-shorter-than-its-transaction",
        ),
        pytest.param(
            {"SENTIMENT_RAISE_AT": "0.5"},
            "SLUICE_SENTIMENT_RAISE_TO: is needed with sentiment_raise_at, and means nothing without it",
            id="raised-to-nothing",
        ),
        pytest.param(
            {"SENTIMENT_RAISE_TO": "high"},
            "SLUICE_SENTIMENT_RAISE_TO: is needed with sentiment_raise_at, and means nothing without it",
            id="raised-by-nothing",
        ),
        pytest.param(
            {"SENTIMENT_RAISE_AT": "0.5", "SENTIMENT_RAISE_TO": "p1"},
            "SLUICE_SENTIMENT_RAISE_TO: must be one of priorities, low, normal, high, urgent",
            id="raised-off-the-ladder",
        ),
        pytest.param({"PRIORITIES": "p2,p1,P2"}, "SLUICE_PRIORITIES: none may stand twice", id="a-circle"),
        pytest.param(
            {"SENTIMENT_SENIOR_AT": "0.5"},
            "SLUICE_SENIORS: are needed with sentiment_senior_at, and mean nothing without it",
            id="no-seniors",
        ),
        pytest.param(
            {"SENIORS": "web=ann"},
            "SLUICE_SENIORS: are needed with sentiment_senior_at, and mean nothing without it",
            id="seniors-for-nothing",
        ),
        *(
            pytest.param(
                {"SENTIMENT_SENIOR_AT": "0.5", "SENIORS": seniors},
                "SLUICE_SENIORS: must be team=senior, each team once",
                id=f"seniors-{seniors}",
            )
            for seniors in ("web", "web=", "=ann", "web=ann,web=bob")
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_one_line(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"SLUICE_{name}", value)
    assert complaint() == said


def test_every_mistake_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_PARTITIONS", "0")
    monkeypatch.setenv("SLUICE_LOG_LEVEL", "loud")
    lines = complaint().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["SLUICE_PARTITIONS", "SLUICE_LOG_LEVEL"]


@pytest.mark.parametrize("name", ["SLUICE_BOOTSTRP", "SLUICE_", "SLUICE_Bootstrap"])
def test_a_variable_that_is_no_setting_is_refused_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, SECRET)
    assert complaint() == f"{name}: no such setting"


def test_variables_of_tests_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_TEST_ANYTHING", "1")
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("p0", ("p0",)),
        ("p0,p1", ("p0", "p1")),
        (" p0 , 紧急 ,", ("p0", "紧急")),
        ("", ()),
    ],
)
def test_words_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, written: str, read: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SLUICE_ESCALATE_PRIORITIES", written)
    assert load_settings().escalate_priorities == read


def test_arguments_win_over_the_environment_and_that_over_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('group = "file"\npartitions = 3\nreplication = 3\nescalate_priorities = ["p0", "p1"]\n')
    monkeypatch.setenv("SLUICE_PARTITIONS", "4")
    monkeypatch.setenv("SLUICE_REPLICATION", "4")
    found = load_settings(replication=5, partitions=None)
    assert (found.group, found.partitions, found.replication) == ("file", 4, 5)
    assert found.escalate_priorities == ("p0", "p1")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"group = \n", "{path} is not TOML: Invalid value (at line 1, column 9)", id="no-toml"),
        pytest.param(b'group = "\xff"\n', "{path} is not TOML: it must be UTF-8", id="no-utf-8"),
        pytest.param(b'sasl_pasword = "%s"\n' % SECRET.encode(), "{path}: sasl_pasword: no such setting", id="key"),
        pytest.param(b'[kafka]\nx = "%s"\n' % SECRET.encode(), "{path}: kafka: no such setting", id="table"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_one_line_with_its_name(config: Path, content: bytes, said: str) -> None:
    config.write_bytes(content)
    assert complaint() == f"SLUICE_CONFIG: {said.format(path=config)}"


def test_a_wrong_value_in_the_file_is_named_as_the_variable(config: Path) -> None:
    config.write_text("partitions = 0\n")
    assert complaint().startswith("SLUICE_PARTITIONS: ")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_CONFIG", str(tmp_path))
    assert complaint() == f"SLUICE_CONFIG: no file at {tmp_path}"


@pytest.mark.parametrize("name", ["sasl_password", "alertmanager_url"])
@pytest.mark.parametrize("content", [f"['{SECRET}']", f"{{ x = '{SECRET}' }}"])
def test_a_password_of_the_wrong_kind_is_not_shown(config: Path, name: str, content: str) -> None:
    config.write_text(f"{name} = {content}\n")
    said = complaint()
    assert said.startswith(f"SLUICE_{name.upper()}: ")
    assert SECRET not in said


@pytest.mark.parametrize(
    ("url", "sound"),
    [
        ("http://alertmanager:9093", True),
        ("https://sluice:secret@alerts.example.com/prefix/", True),
        ("http://[::1]:9093", True),
        ("alertmanager:9093", False),
        ("ftp://alertmanager", False),
        (f"http://sluice:{SECRET}@", False),
        (f"http://sluice:{SECRET}@host:port", False),
        (f"http://host/?token={SECRET}", False),
    ],
)
def test_an_alertmanager_is_a_url_and_what_it_holds_is_never_shown(url: str, sound: bool) -> None:
    if sound:
        assert url not in repr(load_settings(alertmanager_url=url))
        return
    with pytest.raises(Fatal) as caught:
        load_settings(alertmanager_url=url)
    assert str(caught.value) == (
        "SLUICE_ALERTMANAGER_URL: must be http(s)://[name:password@]host[:port][/prefix]"
    )


def test_a_password_is_shown_to_kafka_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="me",
        sasl_password=SecretStr(SECRET),
    )
    assert SECRET not in f"{settings!r}{settings}{settings.model_dump()}{settings.model_dump_json()}"
    assert kafka_options(settings, "k:1") == {
        "bootstrap.servers": "k:1",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": SECRET,
    }


def test_kafka_is_told_of_tls_files_by_path_and_only_of_those_that_are_there(tmp_path: Path) -> None:
    files = {f"ssl_{name}_location": tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key")}
    for path in files.values():
        path.touch()
    options = kafka_options(load_settings(security_protocol="SSL", **files), "k:1")
    assert {name: value for name, value in options.items() if name.startswith("ssl.")} == {
        "ssl.ca.location": str(tmp_path / "ca.pem"),
        "ssl.certificate.location": str(tmp_path / "certificate.pem"),
        "ssl.key.location": str(tmp_path / "key.pem"),
    }
    files["ssl_key_location"].unlink()
    with pytest.raises(Fatal, match=r"^SLUICE_SSL_KEY_LOCATION: no file at .*key\.pem$"):
        kafka_options(load_settings(security_protocol="SSL", **files), "k:1")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().group = "other"  # type: ignore[misc]
