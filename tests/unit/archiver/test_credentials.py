"""Passwords are read from where the configuration says, and never shown."""

import os
import traceback

import pytest

from archiver.config import Account
from archiver.credentials import read_password
from archiver.errors import ConfigError

PASSWORD = "hunter2 é"


def account(**source):
    return Account(
        name="acme",
        service="linktrack",
        base_url="https://linktrack.info/api/v1_0/",
        login="acme-api",
        timezone="UTC",
        **source,
    )


@pytest.fixture
def password_file(tmp_path):
    file = tmp_path / "acme pass"
    file.write_text(f"{PASSWORD}\n")
    file.chmod(0o600)
    return file


def refusal(account, environ=None):
    with pytest.raises(ConfigError) as raised:
        read_password(account, environ or {})
    shown = "".join(traceback.format_exception(raised.value))
    assert PASSWORD not in shown
    [problem] = raised.value.problems
    return problem


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b"secret\n\n", "secret\n"),
        (b"secret\r", "secret\r"),
        (b" secret \n", " secret "),
        ("sécret\n".encode(), "sécret"),
        (b"s" * 4096, "s" * 4096),
    ],
)
def test_one_newline_is_stripped(password_file, content, password):
    """A file's password is its content but for one newline at the end, of either kind."""
    password_file.write_bytes(content)
    assert read_password(account(password_file=password_file), {}) == password


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_can_read_is_refused(password_file, mode):
    """The remedy for a file that group or others can read is a command to paste."""
    password_file.chmod(mode)
    assert refusal(account(password_file=password_file)) == (
        "account acme: password_file: group or others can read "
        f"{password_file}; do `chmod 600 '{password_file}'`"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\r\n", "is empty"),
        (PASSWORD.encode("latin-1"), "isn't UTF-8 text"),
        (PASSWORD.encode() * 500, "holds more than 4096 bytes"),
    ],
)
def test_content_that_is_no_password_is_refused(password_file, content, words):
    """An empty file, bytes that aren't text, and far too many of them are no password."""
    password_file.write_bytes(content)
    problem = refusal(account(password_file=password_file))
    assert problem.startswith(f"account acme: password_file: {password_file} {words}")


def test_a_symbolic_link_is_refused(tmp_path, password_file):
    """A link isn't followed: who may change it could choose what is read."""
    link = tmp_path / "link"
    link.symlink_to(password_file)
    assert refusal(account(password_file=link)) == (
        f"account acme: password_file: {link} is a symbolic link; name the file itself"
    )


def test_what_is_no_regular_file_is_refused(tmp_path):
    """A folder and a pipe that nobody writes to are refused at once."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        problem = refusal(account(password_file=path))
        assert problem == f"account acme: password_file: {path} isn't a regular file"


def test_a_file_that_is_missing(tmp_path):
    """A missing file is named, with the system's own reason."""
    problem = refusal(account(password_file=tmp_path / "none"))
    assert problem.startswith(
        f"account acme: password_file: can't read {tmp_path / 'none'}: No such"
    )


def test_the_environment():
    """The password is the variable's value, to the letter."""
    environ = {"ACME": f"{PASSWORD}\n"}
    assert read_password(account(password_env="ACME"), environ) == f"{PASSWORD}\n"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "the environment variable ACME isn't set; set it to the password"),
        ({"ACME": ""}, "the environment variable ACME is empty; put the password in it"),
        ({"ACME": PASSWORD + "\udcff"}, "the environment variable ACME isn't UTF-8 text"),
    ],
)
def test_a_variable_without_a_password(environ, words):
    """A variable that is missing, empty or no text is an error that names it."""
    problem = refusal(account(password_env="ACME"), environ)
    assert problem == f"account acme: password_env: {words}"


def test_a_systemd_credential(tmp_path, password_file):
    """A credential is the file of its name in systemd's folder, whose mode is systemd's affair."""
    password_file.rename(tmp_path / "acme.pass")
    (tmp_path / "acme.pass").chmod(0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_password(account(password_credential="acme.pass"), environ) == PASSWORD


@pytest.mark.parametrize(
    ("there", "told"), [(["password_acme", "b"], "b, password_acme"), ([], "none")]
)
def test_a_credential_that_the_service_was_not_given(tmp_path, there, told):
    """Those that it has are named, for the name may be misspelt; its folder is systemd's."""
    for name in there:
        (tmp_path / name).write_text(PASSWORD)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    problem = refusal(account(password_credential="acme"), environ)
    assert f"this service has no credential acme; it has: {told}. Give it one by" in problem
    assert "LoadCredential=acme:" in problem


def test_a_credential_outside_systemd():
    """Without systemd's folder the error says how a service gets one."""
    problem = refusal(account(password_credential="acme"))
    assert problem.startswith(
        "account acme: password_credential: $CREDENTIALS_DIRECTORY isn't set"
    )
    assert "LoadCredential=acme:" in problem


@pytest.mark.parametrize("name", ["../acme", "folder/acme", "..", "."])
def test_a_credential_is_no_path(tmp_path, name):
    """Even an account that wasn't checked can't read outside of systemd's folder."""
    unchecked = account(password_env="X").model_copy(update={"password_credential": name})
    problem = refusal(unchecked, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert problem.endswith("must be a credential's name, not a path")


def test_an_account_without_a_password():
    """Linkbee's account without login and password has an empty one."""
    bees = Account(name="bees", service="linkbee", base_url="https://linkbee.com/api.php")
    assert read_password(bees, {}) == ""
