"""Systems whose texts are not UTF-8: no file is opened by the system's own encoding, and no answer is lost for it."""

from __future__ import annotations

import codecs
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reports import csv_of, key, root, user, write

OTHER_CODE_PAGE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "cp1252"}
COMMANDS = {
    "audit": "audit in -o out --format html,excel,charts,pdf,ics,remediation --accounts accounts.csv --by owner "
    "--policy policy.toml --people people.csv --leavers people.csv --record-run somebody",
    "audit with pseudonyms": "audit in -o hidden --pseudonyms key.hex --format html,excel",
    "audit as JSON": "audit in -o other --json --format parquet",
    "render": "render out --format charts,html",
    "show": "show out",
    "show as JSON": "show out --json",
    "sample": "sample out -o drawn",
    "verify": "verify out --inputs in",
    "verify again": "verify hidden --inputs in --pseudonyms key.hex --rerun",
    "ingest": "ingest in --store store",
    "store": "store store",
    "history": "history --store store -o followed --format html,excel,charts,pdf",
    "compare": "compare in/é_2026-09-30.csv in/é_2026-10-31.csv -o changes --format html,excel,pdf",
    "inspect": "inspect in",
    "controls": "controls unused-credentials",
    "benchmark": "controls --benchmark our.toml",
}


def run_with(command: str, cwd: Path, environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a Python with these options and variables."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))}
    return subprocess.run(
        [sys.executable, *options, "-m", "analyzer", *command.split()],
        cwd=cwd,
        capture_output=True,
        check=False,
        env={**variables, "NO_COLOR": "1", "COLUMNS": "110", **environment},
        timeout=300,
    )


def fill(folder: Path) -> None:
    """Write inputs of all kinds, with letters beyond ASCII in each."""
    rows = [user(name, **key(rotated="2026-01-01T00:00:00Z")) for name in ("ci-déployer", "бэкап")]
    write(folder / "in/é_2026-09-30.csv", csv_of(root(), rows[0]))
    write(folder / "in/é_2026-10-31.csv", csv_of(root(), *rows))
    write(folder / "accounts.csv", "account_id,name,owner\n111122223333,Zürich,équipe-sécurité\n")
    write(folder / "people.csv", "user,last_day\nci-déployer,2026-09-01\n")
    waiver = '[waivers."é"]\nuser = "ci-déployer"\nreason = "été: sealed"\nowner = "équipe"\nexpires = 2027-01-31\n'
    write(folder / "policy.toml", waiver)
    framework = (Path(__file__).parents[2] / "analyzer/manual/frameworks.md").read_text(encoding="utf-8")
    write(folder / "our.toml", re.findall(r"```toml\n(.*?)```", framework, re.DOTALL)[0] + "# é\n")


def outputs(folder: Path) -> dict[str, bytes]:
    """Return all files that runs have made, without those that contain the time or a new key."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"run.json", "key.hex"} and path.suffix != ".lock"
    }


@pytest.fixture(scope="module")
def utf_8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what all commands leave on a system with UTF-8, each warning about encodings noted."""
    folder = tmp_path_factory.mktemp("utf-8")
    fill(folder)
    write(folder / "key.hex", "ab" * 32)
    environment = {"LC_ALL": "C.UTF-8", "PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": "always::EncodingWarning"}
    for name, command in COMMANDS.items():
        done = run_with(command, folder, environment)
        write(folder / "answers" / f"{name}.out", done.stdout)
        write(folder / "answers" / f"{name}.err", done.stderr)
        write(folder / "answers" / f"{name}.code", str(done.returncode))
    return folder


def test_every_command_was_run(utf_8: Path) -> None:
    codes = {name: int((utf_8 / f"answers/{name}.code").read_text(encoding="utf-8")) for name in COMMANDS}
    errors = {name: (utf_8 / f"answers/{name}.err").read_text(encoding="utf-8") for name in COMMANDS}
    assert {name: errors[name] for name, code in codes.items() if code == 2} == {}
    assert len(outputs(utf_8)) > 30


def test_no_file_is_opened_without_an_encoding(utf_8: Path) -> None:
    """Python's own warnings show it, also for the helper process; warnings about libraries do not count."""
    warnings_text = "".join(path.read_text(encoding="utf-8") for path in (utf_8 / "answers").glob("*.err"))
    assert re.findall(r".*/analyzer/.*EncodingWarning.*", warnings_text) == []
    code = "from pathlib import Path; Path('x').read_text()"
    options = ("-X", "warn_default_encoding", "-W", "always::EncodingWarning", "-c", code)
    shown = subprocess.run([sys.executable, *options], cwd=utf_8, capture_output=True, check=False, text=True)
    assert "EncodingWarning" in shown.stderr, "else nothing would be found"


def test_another_code_page_changes_no_output_and_loses_no_answer(utf_8: Path, tmp_path: Path) -> None:
    fill(tmp_path)
    write(tmp_path / "key.hex", "ab" * 32)
    code = "import locale, sys; print(locale.getencoding(), sys.flags.utf8_mode)"
    options = [sys.executable, "-c", code]
    completed = subprocess.run(
        options, env={**os.environ, **OTHER_CODE_PAGE}, capture_output=True, check=True, text=True
    )
    name, mode = completed.stdout.split()
    assert codecs.lookup(name).name == "ascii"
    assert mode == "0"
    for name, command in COMMANDS.items():
        done = run_with(command, tmp_path, OTHER_CODE_PAGE)
        expected = (utf_8 / f"answers/{name}.out").read_text(encoding="utf-8")
        assert done.returncode == int((utf_8 / f"answers/{name}.code").read_text(encoding="utf-8")), (
            done.stderr.decode()
        )
        assert plain(done.stdout.decode("cp1252")) == plain(expected), name
    expected_files = {name: data for name, data in outputs(utf_8).items() if not name.startswith("answers/")}
    assert outputs(tmp_path) == expected_files


def plain(text: str) -> str:
    """Return a text as a terminal without UTF-8 shows it, with question marks, and without times of the run."""
    return re.sub(r"(?m)^made by .*", "made by", text).encode("cp1252", "replace").decode("cp1252")
