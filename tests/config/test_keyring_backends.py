"""Real keyrings in a temporary home, chosen as a person chooses them, each step in a process of its
own: what one process stored, the next one finds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canary import assert_nowhere

ENCRYPTED = "keyrings.alt.file.EncryptedKeyring"
PLAINTEXT = "keyrings.alt.file.PlaintextKeyring"
CHAINER = "keyring.backends.chainer.ChainerBackend"
FAILING = "keyring.backends.fail.Keyring"
SECRET_SERVICE = "keyring.backends.SecretService.Keyring"

# One step of a person with a profile and a connection. The keyring's own password is typed by `getpass`.
STEP = """
import getpass, os, sys
from pathlib import Path
getpass.getpass = lambda *_: "the keyring's own"
from amx_tui.base.problem import Problem
from amx_tui.commands import profiles as do
from amx_tui.config.connections import connection_settings
from amx_tui.config.file import load_config
from amx_tui.config.keys import keyring_state, resolve_key
from amx_tui.config.model import Connection, Profile

step, file = sys.argv[1], Path(os.environ["HOME"]) / ".amx" / "config.yml"
secret = "sk-CANARY" + "0123456789abcdefABCDEF"
profile = Profile("k", "kimi", "kimi-k2-thinking")
config = load_config(file)
try:
    match step:
        case "state":
            print(keyring_state().is_usable, keyring_state().reason)
        case "save":
            print(*do.save(file, profile, was=None, secret=secret).said)
            erp = Connection("erp", "postgresql", {"user": "u"})
            do.save_connection(file, erp, was=None, secrets={"password": secret})
        case "rename":
            do.rename(file, "k", "k2")
            do.rename_connection(file, "erp", "erp2")
        case "remove":
            print(*do.remove(file, "k2").said)
            do.remove_connection(file, "erp2")
        case _:
            key = resolve_key(config.profiles[step], variable=None, environ={})
            connection = config.connections["erp2" if step == "k2" else "erp"]
            password = connection_settings(connection, environ={})["password"]
            print(key.secret == password == secret, key.source)
except Problem as problem:
    print(problem)
"""


def run(step: str, backend: str, *before: str) -> str:
    done = subprocess.run(
        [*before, sys.executable, "-c", STEP, step],
        env={**os.environ, "PYTHON_KEYRING_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "CANARY" not in done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_encrypted_file_keeps_keys_from_one_process_to_the_next(clean_environment: Path) -> None:
    pytest.importorskip("Crypto", reason="pycryptodome is missing; the dev extras install it")
    assert run("state", ENCRYPTED).startswith("True")
    assert run("save", ENCRYPTED) == f"The key is in the keyring ({ENCRYPTED})"
    assert run("k", ENCRYPTED) == "True keyring amx · k/api_key"
    run("rename", ENCRYPTED)
    assert run("k2", ENCRYPTED) == "True keyring amx · k2/api_key"
    assert_nowhere(clean_environment)

    def names() -> list[str]:
        """Of the entries, and not what chance writes into their ciphers."""
        (file,) = clean_environment.rglob("crypted_pass.cfg")
        return re.findall(r"^(\S+) = *$", file.read_text(), re.MULTILINE)

    assert any("k2" in name for name in names())
    assert run("remove", ENCRYPTED).endswith("Its key went out of the keyring")
    assert not any("k2" in name for name in names())


@pytest.mark.parametrize("backend", [PLAINTEXT, FAILING, "keyring.backends.null.Keyring"])
def test_a_keyring_that_keeps_no_secret_gets_none(backend: str, clean_environment: Path) -> None:
    assert run("state", backend).startswith("False")
    assert "no usable keyring" in run("save", backend)
    assert_nowhere(clean_environment)
    assert not (clean_environment / ".amx" / "config.yml").exists()


_OWNED = (
    "dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus"
    " org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets"
)


def test_the_secret_service_of_a_desktop_keeps_keys(
    clean_environment: Path, tmp_path: Path
) -> None:
    for program in ("dbus-run-session", "gnome-keyring-daemon"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing; .ci/run installs it")
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    # The session of a desktop: its bus, its keyring unlocked with the person's password and at the bus
    # (before that, the bus would start another one, which is locked), the steps.
    script = (
        "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1 || exit 77\n"
        f"n=0; until {_OWNED} | grep -q true; do\n"
        "  n=$((n + 1)); [ $n -lt 200 ] || exit 77; sleep 0.05\n"
        "done\n"
        'for step in state save k rename k2 remove; do "$0" -c "$1" $step || exit 1; done'
    )
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", script, sys.executable, STEP],
        env={
            **os.environ,
            "PYTHON_KEYRING_BACKEND": SECRET_SERVICE,
            "XDG_RUNTIME_DIR": str(runtime),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip("gnome-keyring does not start here")
    assert "CANARY" not in done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "True ",
        f"The key is in the keyring ({SECRET_SERVICE})",
        "True keyring amx · k/api_key",
        "True keyring amx · k2/api_key",
        "There is no profile any more Its key went out of the keyring",
    ], done.stderr
    assert_nowhere(clean_environment)
