"""The settings: defaults, the tutorial's variables, and errors that name the variable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chat.settings import SettingsError, load_settings
from tests.processes import ROOT

TUTORIALS_ENV_FILE = """\
export REDIS_URL=redis-1.example.com:12345
export REDIS_USER=default
export REDIS_PASSWORD=p@ss/word
export REDIS_HOST=elsewhere.example.com
export REDIS_PORT=1
export HUGGINFACE_INFERENCE_TOKEN=hf_key
export MODEL_URL=http://127.0.0.1:8000/v1/completions
export APP_ENV=development
"""


def test_every_variable_is_optional():
    settings = load_settings({})
    assert settings.redis_url == settings.broker_url == "redis://127.0.0.1:6379"
    assert settings.model_url is None
    assert (settings.port, settings.web_concurrency, settings.worker_concurrency) == (3500, 1, 50)


def test_an_empty_variable_counts_as_unset():
    assert load_settings({"SESSION_TTL": "", "MODEL_URL": " "}) == load_settings({})


def test_the_tutorials_env_file_is_read(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text(TUTORIALS_ENV_FILE)
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.redis_url == "redis://default:p%40ss%2Fword@redis-1.example.com:12345"
    assert settings.model_token == "hf_key"
    assert settings.app_env == "development"


def test_the_environment_overrides_the_env_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("PORT=4000\nSESSION_TTL=60\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SESSION_TTL", "70")
    settings = load_settings()
    assert (settings.port, settings.session_ttl) == (4000, 70)


def test_host_and_port_of_redis_may_be_two_variables():
    assert load_settings({"REDIS_HOST": "there", "REDIS_PORT": "7"}).redis_url == "redis://there:7"


# As Heroku's Key-Value Store and Redis Cloud set them.
ADD_ONS = {
    "REDIS_TLS_URL": "rediss://:p@ec2.example.com:12346",
    "REDIS_URL": "redis://h:p@ec2.example.com:12345",
    "REDISCLOUD_URL": "redis://default:p@redis-1.example.com:12345",
    "REDIS_HOST": "there",
}


def test_of_several_variables_that_name_redis_the_first_in_the_documented_order_decides():
    given = dict(ADD_ONS)
    for name, url in ADD_ONS.items():
        expected = url if "://" in url else f"redis://{url}:6379"
        assert load_settings(given).redis_url == expected
        assert load_settings({**given, name: " "}).redis_url != expected
        del given[name]


def test_the_certificate_of_an_add_ons_redis_may_be_accepted_unverified():
    env = {**ADD_ONS, "REDIS_SSL_CERT_REQS": "none"}
    settings = load_settings(env)
    assert settings.redis_url == f"{ADD_ONS['REDIS_TLS_URL']}?ssl_cert_reqs=none"
    assert settings.broker_url == settings.redis_url
    other = load_settings({**env, "CELERY_BROKER_URL": "rediss://b?ssl_cert_reqs=required"})
    assert other.broker_url == "rediss://b?ssl_cert_reqs=required"
    assert load_settings({**env, "REDIS_TLS_URL": ""}).redis_url == ADD_ONS["REDIS_URL"]


@pytest.mark.parametrize(
    ("given", "broker"),
    [
        ("rediss://h:1/0", "rediss://h:1/0?ssl_cert_reqs=required"),
        ("rediss://h?ssl_ca_certs=f", "rediss://h?ssl_ca_certs=f&ssl_cert_reqs=required"),
        ("rediss://h?ssl_cert_reqs=none", "rediss://h?ssl_cert_reqs=none"),
    ],
)
def test_celery_verifies_its_brokers_certificate_unless_the_url_disables_it(given, broker):
    settings = load_settings({"REDIS_URL": given})
    assert (settings.redis_url, settings.broker_url) == (given, broker)
    assert settings.one_redis


@pytest.mark.parametrize(
    ("broker", "same"),
    [("", True), ("redis://h", True), ("redis://h/1", False), ("redis://other", False)],
)
def test_celerys_queue_is_in_the_same_redis_unless_it_has_another_address(broker, same):
    env = {"REDIS_URL": "redis://h", "CELERY_BROKER_URL": broker}
    assert load_settings(env).one_redis == same


@pytest.mark.parametrize(
    "url",
    [
        "http://my_model:8000/v1/completions",  # the name of a host in a container network
        "https://user:key@model.example.com/",
        "http://[::1]:8000/",
        "http://model/v1/chat/completions?version=2",
    ],
)
def test_the_model_may_be_on_any_host(url):
    assert load_settings({"MODEL_URL": url}).model_url == url


def test_headers_are_a_json_object():
    env = {"MODEL_HEADERS": '{"api-key": "k", "X-Title": "caf\u00e9, = \\"{}\\""}'}
    settings = load_settings(env)
    assert settings.model_headers == {"api-key": "k", "X-Title": 'caf\u00e9, = "{}"'}
    assert load_settings({}).model_headers == {}


def test_the_second_model_has_an_address_a_name_a_key_and_headers_of_its_own():
    first = {
        "MODEL_URL": "http://first/v1",
        "MODEL_NAME": "first",
        "HUGGINGFACE_INFERENCE_TOKEN": "first",
        "MODEL_HEADERS": '{"api-key": "first"}',
    }
    assert load_settings(first).of_fallback() is None
    second = load_settings({**first, "MODEL_FALLBACK_URL": "http://second/v1"}).of_fallback()
    assert (second.model_url, second.model_name) == ("http://second/v1", "first")
    assert (second.model_token, second.model_headers) == (None, {})  # they are for the first
    own = {"MODEL_FALLBACK_NAME": "b", "MODEL_FALLBACK_TOKEN": "c"}
    own |= {"MODEL_FALLBACK_URL": "http://second/v1", "MODEL_FALLBACK_HEADERS": '{"d": "e"}'}
    second = load_settings({**first, **own}).of_fallback()
    assert (second.model_name, second.model_token) == ("b", "c")
    assert second.model_headers == {"d": "e"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://127.0.0.1:6379"),
        ("REDIS_URL", "redis://h:port"),
        ("REDIS_URL", ":6379"),
        ("REDIS_TLS_URL", "h:1"),
        ("REDISCLOUD_URL", "https://h"),
        ("REDIS_HOST", "two words"),
        ("REDIS_SSL_CERT_REQS", "optional"),
        ("CELERY_BROKER_URL", "amqp://h"),
        ("MODEL_URL", "127.0.0.1:8000/v1/completions"),
        ("MODEL_URL", "http://"),
        ("MODEL_URL", "http://two words/"),
        ("MODEL_URL", "https://api-inference.huggingface.co/models/EleutherAI/gpt-j-6B"),
        ("MODEL_FALLBACK_URL", "localhost:8000"),
        ("MODEL_FALLBACK_URL", "https://api-inference.huggingface.co/models/EleutherAI/gpt-j-6B"),
        ("MODEL_HEADERS", "api-key: hush"),
        ("MODEL_HEADERS", '["hush"]'),
        ("MODEL_HEADERS", '{"api-key": 7}'),
        ("MODEL_HEADERS", '{"api-key": null}'),
        ("MODEL_HEADERS", '{"": "hush"}'),
        ("MODEL_HEADERS", '{"api key": "hush"}'),
        ("MODEL_HEADERS", '{"api-key": "hush\\r\\nHost: elsewhere"}'),
        ("MODEL_HEADERS", '{"api-key": " hush"}'),
        ("MODEL_HEADERS", '{"api-key": "hush \u2028"}'),
        ("MODEL_HEADERS", '{"Content-Length": "5"}'),
        ("MODEL_HEADERS", "[" * 100000),
        ("MODEL_FALLBACK_HEADERS", "hush"),
        ("MODEL_TIMEOUT", "0"),
        ("MODEL_TIMEOUT", "nan"),
        ("MODEL_USE_CACHE", "perhaps"),
        ("HISTORY_WINDOW", "0"),
        ("SESSION_TTL", "-1"),
        ("PORT", "65536"),
        ("WEB_CONCURRENCY", "two"),
        ("WORKER_CONCURRENCY", "0"),
    ],
)
def test_the_error_for_a_bad_value_names_the_variable(name, value):
    with pytest.raises(SettingsError, match=f"^{name}: ") as raised:
        load_settings({name: value})
    assert "\n" not in str(raised.value)
    assert "hush" not in str(raised.value)


def test_no_secret_is_in_the_repr_or_in_an_error():
    env = {
        "REDIS_URL": "redis://:hush@h",
        "HUGGINGFACE_INFERENCE_TOKEN": "hush",
        "MODEL_URL": "http://h/v1?key=hush",
        "MODEL_HEADERS": '{"api-key": "hush"}',
        "MODEL_FALLBACK_URL": "http://h/v1?key=hush",
        "MODEL_FALLBACK_TOKEN": "hush",
        "MODEL_FALLBACK_HEADERS": '{"api-key": "hush"}',
    }
    assert "hush" not in repr(load_settings(env))
    with pytest.raises(SettingsError) as raised:
        load_settings({"REDIS_URL": "redis://:hush@h:port"})
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("gunicorn", "PORT"),
        ("celery -A tasks worker", "WORKER_CONCURRENCY"),
        ("celery -A tasks flower", "SESSION_TTL"),
    ],
)
def test_a_process_with_a_bad_value_ends_with_the_variables_name_and_no_traceback(command, name):
    program, *arguments = command.split()
    run = subprocess.run(
        [str(Path(sys.executable).parent / program), *arguments],
        cwd=ROOT,
        env={name: "-1", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode != 0
    assert f"{name}: " in run.stderr
    assert "Traceback" not in run.stderr
