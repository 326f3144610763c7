"""Detached signatures of an evidence set, made with `ssh-keygen -Y sign` and checked with `ssh-keygen -Y verify`.

    manifest.json.sig, rendered.json.sig, run.json.sig   each beside the file that it signs

rendered.json and run.json have the digest of the manifest, and the manifest has the digests of all tables and inputs.
So the signatures cover the whole set. The namespace `credreport` excludes signatures that were made for other purposes.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from analyzer.errors import InputError, OutputError, UsageError
from analyzer.evidence.seal import SIGNED, signature_of

NAMESPACE: Final = "credreport"
_PROGRAM: Final = "ssh-keygen"


class Signature(NamedTuple):
    """The result of checking a signature: the signer from the list of allowed signers, or `why` it is not valid."""

    file: str
    signer: str | None
    why: str = ""


def require_key(key: Path) -> None:
    """Raise UsageError unless this key can sign; runs check it first, because they can take hours."""
    if not key.is_file():
        raise UsageError(f"--sign: no such file: {key}", "give an OpenSSH key file")
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "trial"
        trial.write_bytes(b"credreport")
        try:
            _sign(trial, key)
        except OutputError as error:
            raise UsageError(f"--sign: {error.message}", error.hint) from error


def sign(folder: Path, key: Path) -> list[str]:
    """Sign the files of an evidence set (see `SIGNED`), and return the names of the signatures."""
    signatures = []
    for name in SIGNED:
        signature = folder / signature_of(name)
        signature.unlink(missing_ok=True)
        if (folder / name).is_file():
            _sign(folder / name, key)
            signatures.append(signature.name)
    return signatures


def _sign(path: Path, key: Path) -> None:
    done = _run("-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(path))
    if done.returncode:
        raise OutputError(
            f"cannot sign with {key}: {_last_line(done.stderr)}",
            "give an OpenSSH private key (ssh-keygen -t ed25519 makes one), or the public key of a key in the SSH "
            "agent",
        )


def check(folder: Path, allowed: Path) -> list[Signature]:
    """Return the result for each signature of an evidence set, with a list of allowed signers (`man ssh-keygen`).

    Raises UsageError if the list does not exist.
    """
    if not allowed.is_file():
        raise UsageError(
            f"--allowed-signers: no such file: {allowed}", "`man ssh-keygen` describes the format (ALLOWED SIGNERS)"
        )
    return [_checked(folder, name, allowed) for name in SIGNED if (folder / name).is_file()]


def _checked(folder: Path, name: str, allowed: Path) -> Signature:
    signature = folder / signature_of(name)
    if not signature.is_file():
        return Signature(name, None, "is not signed")
    signer_search = _run("-Y", "find-principals", "-s", str(signature), "-f", str(allowed))
    signers = signer_search.stdout.decode(errors="replace").splitlines()
    if signer_search.returncode or not signers:
        reason = _last_line(signer_search.stderr)
        return Signature(name, None, f"its signer is not in the list of allowed signers: {reason}")
    options = ("-f", str(allowed), "-I", signers[0], "-n", NAMESPACE, "-s", str(signature))
    done = _run("-Y", "verify", *options, data=(folder / name).read_bytes())
    if done.returncode:
        return Signature(name, None, f"the signature is not valid: {_last_line(done.stderr or done.stdout)}")
    return Signature(name, signers[0])


def _run(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run ssh-keygen; it asks for a passphrase at the terminal if the key has one."""
    program = shutil.which(_PROGRAM)
    if program is None:
        raise InputError(f"{_PROGRAM} was not found, and signatures need it", "install the OpenSSH client")
    return subprocess.run([program, *arguments], input=data, capture_output=True, check=False)  # noqa: S603 - no shell


def _last_line(output: bytes) -> str:
    """Return the last line of a program's output, without terminal control characters."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()] or ["no reason given"]
    return "".join(character if character.isprintable() else "?" for character in lines[-1])
