"""verify --rerun: the run is repeated, and its outputs are compared with those of the evidence set."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

from analyzer.evidence.seal import digest_of, seal, unseal
from tests.cli.running import run
from tests.test_numbers_agree import all_passing, fleet, monthly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LISTS = ["--accounts", "accounts.csv"]


def snapshots(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name.startswith("20"))


def inputs(*paths: str) -> list[str]:
    return [word for path in paths for word in ("--inputs", path)]


def rerun(folder: Path, *paths: str, set_name: str = "out") -> tuple[int, str]:
    done = run("verify", set_name, "--rerun", *inputs(*paths), cwd=folder)
    return done.returncode, done.stdout + done.stderr


def reseal(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a document and its own digest: a forgery that no digest shows."""
    document = unseal(path.read_bytes())
    change(document)
    path.write_bytes(seal(document))


def forge(folder: Path) -> None:
    """Turn every failure in a set into a pass, and update all digests."""
    table = parquet.read_table(folder / "findings.parquet")
    status = table["status"].cast(pa.string())
    passes = pc.if_else(pc.equal(status, "fail"), "pass", status).cast(table.schema.field("status").type)
    parquet.write_table(
        table.set_column(table.column_names.index("status"), "status", passes), folder / "findings.parquet"
    )

    def change(document: dict[str, Any]) -> None:
        for output in document["outputs"]:
            path = folder / output["name"]
            output |= {"sha256": digest_of(path), "bytes": path.stat().st_size}

    reseal(folder / "manifest.json", change)


@pytest.mark.parametrize("make", [all_passing, fleet, monthly])
def test_an_audit_gives_the_same_bytes_again(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path)
    days = snapshots(tmp_path)
    formats = ["--format", "parquet,html,excel,pdf,ics"]
    run("audit", *days, *LISTS, *formats, "--by", "owner", "--benchmark", "cis-7.0", "-o", "out", cwd=tmp_path)
    run("render", "out", "--format", "ics", "--due-within", "90", cwd=tmp_path)
    code, output = rerun(tmp_path, *days, "accounts.csv")
    assert code == 0, output
    assert "the run was repeated: the manifest and the tables" in output
    rendered = json.loads((tmp_path / "out/rendered.json").read_text())["outputs"]
    assert f"{len(rendered)} renderings made again" in output


def test_histories_and_comparisons_give_the_same_bytes_again(tmp_path: Path) -> None:
    monthly(tmp_path)
    days = snapshots(tmp_path)
    for options in ([], ["--as-of-series", "monthly", "--sla-days", "30"]):
        run("history", *days, *options, "--format", "parquet,html", "-o", "out", cwd=tmp_path)
        assert rerun(tmp_path, *days)[0] == 0
    run("compare", days[0], days[-1], "--format", "parquet,html", "-o", "out", cwd=tmp_path)
    assert rerun(tmp_path, days[0], days[-1])[0] == 0
    code, output = rerun(tmp_path, days[0], days[5])
    assert (code, "changed: events.parquet (rerun): a new run gives other bytes" in output) == (1, True)
    code, output = rerun(tmp_path, days[0])
    assert (code, "give --inputs OLD --inputs NEW" in output) == (2, True)


def test_a_forgery_with_new_digests_is_found(tmp_path: Path) -> None:
    fleet(tmp_path, 3)
    run("audit", "2026-10-31", "-o", "out", "--format", "parquet", cwd=tmp_path)
    forge(tmp_path / "out")
    assert run("verify", "out", *inputs("2026-10-31"), cwd=tmp_path).returncode == 0
    code, output = rerun(tmp_path, "2026-10-31")
    assert code == 1
    assert "changed: findings.parquet (rerun): a new run gives other bytes" in output


def test_a_forged_rendering_with_new_digests_is_found(tmp_path: Path) -> None:
    fleet(tmp_path, 3)
    run("audit", "2026-10-31", "-o", "out", "--format", "parquet,html", cwd=tmp_path)
    page = tmp_path / "out/report.html"
    page.write_text(page.read_text().replace("unused", "used"))

    def change(document: dict[str, Any]) -> None:
        document["outputs"][0] |= {"sha256": digest_of(page), "bytes": page.stat().st_size}

    reseal(tmp_path / "out/rendered.json", change)
    assert run("verify", "out", cwd=tmp_path).returncode == 0
    code, output = rerun(tmp_path, "2026-10-31")
    assert (code, "changed: report.html (rerun): a new run gives other bytes" in output) == (1, True)


@pytest.mark.parametrize("is_forged", [False, True])
def test_other_versions_of_libraries_compare_rows_instead_of_bytes(tmp_path: Path, *, is_forged: bool) -> None:
    fleet(tmp_path, 3)
    run("audit", "2026-10-31", "-o", "out", "--format", "parquet,html", cwd=tmp_path)
    if is_forged:
        forge(tmp_path / "out")
    else:  # other bytes of the same rows
        path = tmp_path / "out/findings.parquet"
        parquet.write_table(parquet.read_table(path), path, compression="snappy")
    manifest = tmp_path / "out/manifest.json"

    def change(document: dict[str, Any]) -> None:
        document["versions"]["pyarrow"] = "1.0"
        for output in document["outputs"]:
            output["sha256"] = digest_of(tmp_path / "out" / output["name"])

    reseal(manifest, change)
    reseal(
        tmp_path / "out/rendered.json",
        lambda document: document.update(manifest=unseal(manifest.read_bytes())["digest"]),
    )
    code, output = rerun(tmp_path, "2026-10-31")
    assert re.search(r"rows of the tables were compared, not the bytes, .* \(pyarrow 1\.0 then, \S+ now\)", output), (
        output
    )
    assert code == int(is_forged), output
    assert ("changed: findings.parquet (rerun): a new run gives other rows" in output) == is_forged


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_other_versions_of_libraries_do_not_compare_a_damaged_table(tmp_path: Path, damage: str) -> None:
    fleet(tmp_path, 3)
    run("audit", "2026-10-31", "-o", "out", "--format", "parquet", cwd=tmp_path)
    reseal(tmp_path / "out/manifest.json", lambda document: document["versions"].update(pyarrow="1.0"))
    table = tmp_path / "out/findings.parquet"
    if damage == "missing":
        table.unlink()
    else:
        table.write_bytes(b"broken")
    code, output = rerun(tmp_path, "2026-10-31")
    assert code == 1, output
    assert "changed: findings.parquet (rerun): is missing or was changed; it was not compared" in output
    assert output.count("(rerun)") == 1


def test_names_under_pseudonyms_are_made_again_with_the_key(tmp_path: Path) -> None:
    fleet(tmp_path, 3)
    run("audit", "2026-10-31", "--pseudonyms", "key", "-o", "out", "--format", "parquet", cwd=tmp_path)
    done = run("verify", "out", "--rerun", *inputs("2026-10-31"), "--pseudonyms", "key", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_that_cannot_be_repeated_is_refused_with_the_reason(tmp_path: Path) -> None:
    fleet(tmp_path, 3)
    run("audit", "2026-10-31", *LISTS, "-o", "out", "--format", "parquet", cwd=tmp_path)
    run("ingest", "2026-10-31", "--store", "store", cwd=tmp_path)
    run("history", "--store", "store", "-o", "history", "--format", "parquet", cwd=tmp_path)
    shutil.copytree(tmp_path / "2026-10-31", tmp_path / "moved/2026-10-31")
    (tmp_path / "policy.toml").write_text("[controls.access-key-rotation]\nmax_age_days = 30\n")
    hidden = ["--policy", "policy.toml", "--pseudonyms", "key"]
    run("audit", "2026-10-31", *hidden, "-o", "hidden", "--format", "parquet", cwd=tmp_path)
    cases = {
        "the run used a list of accounts (accounts.csv)": ("out", ["2026-10-31"]),
        "the inputs have other names than in the first run: moved/": ("out", ["moved", "accounts.csv"]),
        "out is inside the inputs": ("out", [".", "accounts.csv"]),
        "was made from a store": ("history", ["2026-10-31"]),
    }
    for why, (set_name, paths) in cases.items():
        code, output = rerun(tmp_path, *paths, set_name=set_name)
        assert (code, why in output) == (2, True), (why, output)
    done = run("verify", "hidden", "--rerun", *inputs("2026-10-31"), "--pseudonyms", "key", cwd=tmp_path)
    assert (done.returncode, "has pseudonyms instead of the names" in done.stderr) == (2, True), done.stderr
    done = run("verify", "out", "--rerun", cwd=tmp_path)
    assert (done.returncode, "--rerun needs --inputs" in done.stderr) == (2, True)


def test_a_damaged_set_is_not_repeated(tmp_path: Path) -> None:
    fleet(tmp_path, 3)
    run("audit", "2026-10-31", "-o", "out", "--format", "parquet", cwd=tmp_path)
    manifest = tmp_path / "out/manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"medium", b"mediun", 1))
    code, output = rerun(tmp_path, "2026-10-31")
    assert (code, "repeated" in output) == (1, False)


def test_moved_reports_are_told_apart_from_changes_with_advice(tmp_path: Path) -> None:
    fleet(tmp_path, 3)
    run("audit", "2026-10-31", "-o", "out", "--format", "parquet", cwd=tmp_path)
    (tmp_path / "archive").mkdir()
    shutil.move(tmp_path / "2026-10-31", tmp_path / "archive/2026-10-31")
    code, output = rerun(tmp_path, "archive")
    first = min((tmp_path / "archive/2026-10-31").iterdir()).name
    todo = f"in a folder in which this report is 2026-10-31/{first} (a link to the folder of the reports is enough)"
    assert (code, todo in output) == (2, True), output
    # One report is missing as well: all tables differ, and the names are named as a reason.
    missing = max((tmp_path / "archive/2026-10-31").iterdir())
    missing.rename(tmp_path / "missing.csv")
    code, output = rerun(tmp_path, "archive")
    assert (code, todo in output, "so the tables differ in any case" in output) == (1, True, True), output
    # The advice works.
    (tmp_path / "missing.csv").rename(missing)
    (tmp_path / "2026-10-31").symlink_to(tmp_path / "archive/2026-10-31", target_is_directory=True)
    code, output = rerun(tmp_path, "2026-10-31")
    assert code == 0, output
