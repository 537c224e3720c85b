"""Where an account's password is read from: a systemd credential, a file or the environment."""

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

from archiver.config_account import Account
from archiver.errors import ConfigError

_LARGEST_BYTES = 4096


def read_password(account: Account, environ: Mapping[str, str]) -> str:
    """Read an account's password; it is empty where the account names none (Linkbee's may).

    Raises ConfigError, which names the account and the key, where it can't be had.
    """
    try:
        if account.password_credential is not None:
            key = "password_credential"
            return _read_credential(account.password_credential, environ)
        if account.password_file is not None:
            key = "password_file"
            return _read_file(account.password_file, private=True)
        if account.password_env is not None:
            key = "password_env"
            return _read_variable(account.password_env, environ)
    except ValueError as error:
        raise ConfigError(f"account {account.name}: {key}: {error}") from None
    return ""


def _read_credential(name: str, environ: Mapping[str, str]) -> str:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ValueError(
            "$CREDENTIALS_DIRECTORY isn't set; run this as a systemd service with "
            f"LoadCredential={name}:/path/of/the/file"
        )
    if "/" in name or name in {"", ".", ".."}:
        raise ValueError("must be a credential's name, not a path")
    path = Path(folder, name)
    if not path.exists():
        raise ValueError(
            f"this service has no credential {name}; it has: {_credentials_in(Path(folder))}. "
            f"Give it one by LoadCredential={name}:/path/of/the/file"
        )
    # systemd guards the folder; its files may show a group that can read them.
    return _read_file(path, private=False)


def _credentials_in(folder: Path) -> str:
    try:
        return ", ".join(sorted(path.name for path in folder.iterdir())) or "none"
    except OSError:
        return "none"


def _read_variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ValueError(f"the environment variable {name} isn't set; set it to the password")
    return _checked(environ[name], f"the environment variable {name}")


def _read_file(path: Path, *, private: bool) -> str:
    """Read a regular file without the newline at its end. Raises ValueError.

    `private`: refuse one that others than its owner can read.
    """
    try:
        # O_NONBLOCK: a pipe that nobody writes to would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _check_file(path, os.fstat(descriptor).st_mode, private=private)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(_LARGEST_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        if path.is_symlink():
            raise ValueError(f"{path} is a symbolic link; name the file itself") from None
        remedy = f"; do `install -m 600 /dev/null {shlex.quote(str(path))}`, then write it there"
        raise ValueError(
            f"can't read {path}: {error.strerror}"
            f"{remedy if isinstance(error, FileNotFoundError) else ''}"
        ) from None
    if len(content) > _LARGEST_BYTES:
        raise ValueError(f"{path} holds more than {_LARGEST_BYTES} bytes: is it the right file?")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{path} isn't UTF-8 text") from None
    stripped = text.removesuffix("\n")
    return _checked(stripped.removesuffix("\r") if stripped != text else text, str(path))


def _check_file(path: Path, mode: int, *, private: bool) -> None:
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path} isn't a regular file")
    if private and mode & (stat.S_IRGRP | stat.S_IROTH):
        remedy = f"chmod 600 {shlex.quote(str(path))}"
        raise ValueError(f"group or others can read {path}; do `{remedy}`")


def _checked(password: str, where: str) -> str:
    if not password:
        raise ValueError(f"{where} is empty; put the password in it")
    try:
        password.encode()
    except UnicodeEncodeError:  # what of the environment isn't text
        raise ValueError(f"{where} isn't UTF-8 text") from None
    return password
