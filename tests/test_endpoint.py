"""Where the engine is: the docker command line's rules."""

from __future__ import annotations

import errno
import hashlib
import json
import pwd
import ssl
from pathlib import Path
from typing import NoReturn

import pytest

from livepush.endpoint import Endpoint, TlsOptions, parse, resolve, ssl_context
from livepush.errors import InvalidArgumentError

DEFAULT = Endpoint(socket="/var/run/docker.sock")
FLAG, VARIABLE = Endpoint(host="flag", port=1), Endpoint(host="variable", port=2)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A docker configuration with the contexts `one`, `two` and `current`."""
    for name in ("one", "two", "current"):
        add_context(tmp_path, name, f"unix:///{name}.sock")
    return tmp_path


def add_context(config: Path, name: str, host: str, *, skip_verify: bool = False) -> Path:
    folder = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / folder / "meta.json"
    meta.parent.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": skip_verify}
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    return config / "contexts" / "tls" / folder / "docker"


def of_context(name: str) -> Endpoint:
    return Endpoint(socket=f"/{name}.sock")


@pytest.mark.parametrize(
    ("given", "environ", "current", "expected"),
    [
        ({}, {}, "", DEFAULT),
        ({}, {}, "current", of_context("current")),
        ({}, {}, "default", DEFAULT),
        ({}, {"DOCKER_CONTEXT": "one"}, "current", of_context("one")),
        ({}, {"DOCKER_CONTEXT": "default"}, "current", DEFAULT),
        ({}, {"DOCKER_HOST": "tcp://variable:2", "DOCKER_CONTEXT": "one"}, "current", VARIABLE),
        ({}, {"DOCKER_HOST": "", "DOCKER_CONTEXT": ""}, "current", of_context("current")),
        ({"context": "two"}, {"DOCKER_HOST": "tcp://variable:2"}, "current", of_context("two")),
        ({"context": "two"}, {"DOCKER_CONTEXT": "one"}, "", of_context("two")),
        ({"context": "default"}, {"DOCKER_HOST": "tcp://variable:2"}, "current", VARIABLE),
        ({"host": "tcp://flag:1"}, {"DOCKER_HOST": "tcp://variable:2"}, "current", FLAG),
        ({"host": "tcp://flag:1"}, {"DOCKER_CONTEXT": "one"}, "", FLAG),
    ],
)
def test_the_first_that_is_given_counts(
    config: Path, given: dict[str, str], environ: dict[str, str], current: str, expected: Endpoint
) -> None:
    if current:
        (config / "config.json").write_text(json.dumps({"currentContext": current}))
    environ = {**environ, "DOCKER_CONFIG": str(config)}
    assert (
        resolve(host=given.get("host", ""), context=given.get("context", ""), environ=environ)
        == expected
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", DEFAULT),
        ("unix://", DEFAULT),
        ("unix:///run/user/1000/docker.sock", Endpoint(socket="/run/user/1000/docker.sock")),
        ("tcp://", Endpoint(host="localhost", port=2375)),
        ("tcp://box", Endpoint(host="box", port=2375)),
        ("tcp://box:9/", Endpoint(host="box", port=9)),
        ("box:9", Endpoint(host="box", port=9)),
        ("tcp://[::1]:9", Endpoint(host="[::1]", port=9)),
    ],
)
def test_addresses(address: str, expected: Endpoint) -> None:
    assert parse(address) == expected


def test_tls_has_a_port_of_its_own() -> None:
    tls = TlsOptions()
    assert parse("tcp://box", tls) == Endpoint(host="box", port=2376, tls=tls)


@pytest.mark.parametrize(
    "address", ["npipe:////./pipe/docker", "tcp://a:b", "tcp://h:1/x", "h:1:2"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(InvalidArgumentError, match="not valid: give unix://PATH"):
        parse(address)


def test_ssh_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidArgumentError, match="ssh -L"):
        parse("ssh://me@box")


@pytest.mark.parametrize("variable", ["DOCKER_TLS_VERIFY", "DOCKER_TLS"])
def test_tls_of_the_environment(tmp_path: Path, variable: str) -> None:
    (tmp_path / "ca.pem").touch()
    environ = {"DOCKER_HOST": "tcp://box", variable: "0", "DOCKER_CERT_PATH": str(tmp_path)}
    tls = TlsOptions(verify=variable == "DOCKER_TLS_VERIFY", ca=tmp_path / "ca.pem")
    assert resolve(environ=environ) == Endpoint(host="box", port=2376, tls=tls)
    given = TlsOptions(verify=False)
    assert resolve(environ=environ, tls=given).tls == given


def test_certificates_are_by_default_in_the_configuration(config: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (config / name).touch()
    environ = {"DOCKER_HOST": "box:9", "DOCKER_TLS_VERIFY": "1", "DOCKER_CONFIG": str(config)}
    expected = TlsOptions(True, config / "ca.pem", config / "cert.pem", config / "key.pem")
    assert resolve(environ=environ).tls == expected


def test_a_context_has_its_own_tls(config: Path) -> None:
    files = add_context(config, "secure", "tcp://box")
    files.mkdir(parents=True)
    (files / "ca.pem").touch()
    add_context(config, "careless", "tcp://box", skip_verify=True)
    add_context(config, "plain", "tcp://box")
    environ = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CONFIG": str(config)}
    found = {
        name: resolve(context=name, tls=TlsOptions(), environ=environ)
        for name in ("secure", "careless", "plain")
    }
    assert found == {
        "secure": Endpoint(host="box", port=2376, tls=TlsOptions(ca=files / "ca.pem")),
        "careless": Endpoint(host="box", port=2376, tls=TlsOptions(verify=False)),
        "plain": Endpoint(host="box", port=2375),
    }


def test_a_host_and_a_context_are_one_too_many() -> None:
    with pytest.raises(InvalidArgumentError, match="only one of them"):
        resolve(host="tcp://a:1", context="one", environ={})


def test_an_unknown_context_is_refused(config: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="no docker context named 'three'"):
        resolve(context="three", environ={"DOCKER_CONFIG": str(config)})


@pytest.mark.parametrize("text", ["{", "[]", b"\xff"])
def test_a_broken_configuration_is_refused(config: Path, text: str | bytes) -> None:
    path = config / "config.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InvalidArgumentError, match=str(path)):
        resolve(environ={"DOCKER_CONFIG": str(config)})


def test_a_context_without_an_engine_is_refused(config: Path) -> None:
    [meta, *_] = (config / "contexts" / "meta").glob("*/meta.json")
    meta.write_text('{"Endpoints": {}}')
    name = next(n for n in ("one", "two", "current") if context_file(config, n) == meta)
    with pytest.raises(InvalidArgumentError, match="no docker endpoint"):
        resolve(context=name, environ={"DOCKER_CONFIG": str(config)})


def context_file(config: Path, name: str) -> Path:
    folder = hashlib.sha256(name.encode()).hexdigest()
    return config / "contexts" / "meta" / folder / "meta.json"


def test_verification_is_python_s() -> None:
    assert ssl_context(TlsOptions()).verify_mode is ssl.CERT_REQUIRED
    careless = ssl_context(TlsOptions(verify=False))
    assert (careless.verify_mode, careless.check_hostname) == (ssl.CERT_NONE, False)


def test_unusable_certificates_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for tls in (TlsOptions(ca=tmp_path / "ca.pem"), TlsOptions(cert=tmp_path / "missing.pem")):
        with pytest.raises(InvalidArgumentError, match=r"The TLS files .*\.pem cannot be used"):
            ssl_context(tls)


def test_a_configuration_that_may_not_be_read_is_refused(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a user is who once ran docker by sudo. The superuser may read everything."""

    def denied(path: Path, **_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", denied)
    monkeypatch.setattr(Path, "read_bytes", denied)
    for given in ({}, {"DOCKER_CONTEXT": "one"}):
        with pytest.raises(InvalidArgumentError, match=r"cannot be read: .*Permission denied"):
            resolve(environ={"DOCKER_CONFIG": str(config), **given})
    secure = resolve(host="tcp://x", environ={"DOCKER_CONFIG": str(config), "DOCKER_TLS": "1"})
    assert secure.tls == TlsOptions(
        verify=False, ca=config / "ca.pem", cert=config / "cert.pem", key=config / "key.pem"
    )


def test_a_user_without_a_home_has_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs with a number for a user."""

    def unknown(number: int) -> NoReturn:
        raise KeyError(number)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert resolve(environ={}) == DEFAULT
