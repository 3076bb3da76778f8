"""The secret key of a study: made by the machine, kept where no study and no git tree is, known by its fingerprint.

A key lives in a file of its own that only its owner can read, or in the key ring of the operating system. It is
never printed; its fingerprint may be.
"""

import hmac
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yoseval.errors import EnvironmentFault, UsageError

KEYRING = "keyring:"
#: Characters of a pseudonym: 128 bits in hexadecimal. The chance that any two of n ids share one is about
#: n squared / 2**129: for ten million ids less than one in 10**24.
PSEUDONYM_LENGTH = 32
FINGERPRINT_LENGTH = 16
_KEY_BYTES = 32
_FINGERPRINT_OF = b"yoseval key fingerprint"
_SERVICE = "yoseval"
# Between domain and id: stands in no id that a system exports.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A secret key.

    Parameters
    ----------
    secret : bytes
        32 random bytes; never shown, also not by ``repr``.
    """

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What the key can be recognised by and not be guessed from: 64 bits of HMAC-SHA256 of a fixed text."""
        return hmac.digest(self.secret, _FINGERPRINT_OF, "sha256").hex()[:FINGERPRINT_LENGTH]

    def pseudonym(self, domain: str, identity: str) -> str:
        r"""Return the pseudonym of an id.

        .. math:: p = \mathrm{hex}(\mathrm{HMAC\text{-}SHA256}_k(\text{domain} \,\|\, \mathrm{1F} \,\|\, \text{id}))_{1..32}

        Parameters
        ----------
        domain : str
            What kind of id it is, such as ``person``: the same text as the id of a child and of an offence gives
            two pseudonyms.
        identity : str
            The id, normalised.

        References
        ----------
        rfc2104 : Krawczyk, Bellare and Canetti (1997), RFC 2104, sections 2 and 5 (truncation).
        """
        message = f"{domain}{_SEPARATOR}{identity}".encode()
        return hmac.digest(self.secret, message, "sha256").hex()[:PSEUDONYM_LENGTH]


def make_key(place: str | Path) -> str:
    """Make a key and store it.

    Parameters
    ----------
    place : str or Path
        A new file outside every study folder and git tree, or ``keyring:NAME`` for the key ring of the system.

    Returns
    -------
    str
        The fingerprint of the key.

    Raises
    ------
    UsageError
        If there is a key already, or the place is inside a study folder or a git tree.
    EnvironmentFault
        If the file or the key ring cannot be written.
    """
    secret = secrets.token_bytes(_KEY_BYTES)
    if str(place).startswith(KEYRING):
        _store_in_keyring(_keyring_name(place), secret)
    else:
        file = Path(place).expanduser()
        require_safe_place(file)
        _store_in_file(file, secret)
    return Key(secret).fingerprint


def read_key(place: str | Path, *, away_from: Sequence[Path] = ()) -> Key:
    """Read a key.

    Parameters
    ----------
    place : str or Path
        Its file, or ``keyring:NAME``.
    away_from : sequence of Path
        Folders in which the key must not lie, besides study folders and git trees.

    Raises
    ------
    UsageError
        If there is none, it is not a key, it lies where it must not, or others can read it.
    """
    if str(place).startswith(KEYRING):
        return _parsed(_keyring().get_password(_SERVICE, _keyring_name(place)) or "", f"The key ring entry '{place}'")
    file = Path(place).expanduser()
    if not file.is_file():
        raise UsageError(f"There is no key {file.name}.", "Make one, once for the study, and keep it: it cannot be made again.")
    require_safe_place(file, away_from)
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"Others than its owner may use the key {file.name}.", f"Run: chmod 600 {file.name}")
    return _parsed(file.read_text(encoding="ascii", errors="replace"), f"The file {file.name}")


def require_safe_place(file: Path, away_from: Sequence[Path] = ()) -> None:
    """Refuse a place for a key inside a study folder, a git tree or one of the folders named.

    Raises
    ------
    UsageError
        With the way out.
    """
    remedy = "Keep the key outside: in your home folder, on another drive, or as keyring:NAME in the system's key ring."
    # Both where the path leads and where it is written: a link must not smuggle a key in or out.
    for folder in dict.fromkeys((*file.resolve().parents, *file.absolute().parents)):
        if (folder / ".git").exists():
            raise UsageError(f"A key must not lie in a git tree, as {file.name} would.", remedy)
        if (folder / "study.toml").exists():
            raise UsageError(f"A key must not lie in a study folder, as {file.name} would.", remedy)
        if any(folder == forbidden.resolve() for forbidden in away_from):
            raise UsageError(f"A key must not lie beside the records, as {file.name} would.", remedy)


def _store_in_file(file: Path, secret: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made with its mode, and only if it is not there: no moment in which others could read it, no key lost.
        place = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise _already(file.name) from None
    except OSError as problem:
        raise EnvironmentFault(f"The key cannot be written: {problem.strerror}.", "Name another place.") from None
    with os.fdopen(place, "w", encoding="ascii") as lines:
        lines.write(secret.hex() + "\n")


def _store_in_keyring(name: str, secret: bytes) -> None:
    keyring = _keyring()
    if keyring.get_password(_SERVICE, name):
        raise _already(KEYRING + name)
    keyring.set_password(_SERVICE, name, secret.hex())


def _already(name: str) -> UsageError:
    return UsageError(f"There is a key {name} already.", "Use it, or name another: a study keeps its first key.")


def _keyring_name(place: str | Path) -> str:
    name = str(place).removeprefix(KEYRING).strip()
    if not name:
        raise UsageError("The key ring entry has no name.", "Write keyring:NAME.")
    return name


def _keyring() -> Any:
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to import
        from keyring.errors import NoKeyringError  # noqa: PLC0415
    except ImportError:
        raise EnvironmentFault("The package keyring is not installed.", 'Run: pip install "yoseval[keyring]"') from None
    try:
        keyring.get_password(_SERVICE, "is there a key ring")
    except NoKeyringError:
        raise EnvironmentFault("This system has no key ring.", "Keep the key in a file.") from None
    return keyring


def _parsed(text: str, what: str) -> Key:
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != _KEY_BYTES:
        raise UsageError(f"{what} is not a key.", f"A key is {2 * _KEY_BYTES} hexadecimal digits, made by yoseval.")
    return Key(secret)
