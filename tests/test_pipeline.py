"""Evidence first, formats from it: what `render` makes of a set, when it refuses one, and what the manifest says."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from pyarrow import parquet

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.errors import InputError, OutputError
from analyzer.evidence.schema import TABLES
from analyzer.evidence.seal import MANIFEST, RENDERED, read_manifest, read_rendered, seal, unseal
from analyzer.pipeline import Engine, Options
from analyzer.reading.issues import CODES, Level
from analyzer.rendering.pictures.render import AUDIT as AUDIT_PICTURES
from tests.audits import AS_OF, ODD, made_up
from tests.rendering.sets import settings
from tests.reports import ACCOUNT, csv_of, key, password, root, user, write
from tests.running import Settings, without_digest
from tests.test_road import by_itself

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMATS: Final = ("excel", "charts", "remediation")
ENGINES: Final = {"local": Engine(batch=1), "dask": Engine("dask", batch=1, run=by_itself)}
OTHER_ACCOUNT: Final = "444455556666"
LARGE_ACCOUNT: Final = "777788889999"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the path of reports of several accounts and days; of damaged, merged, repeated and unreadable ones."""
    folder = tmp_path_factory.mktemp("fleet")
    write(folder / "2026-10-31/odd.csv", csv_of(root(), *ODD) + "\nbroken,row\n")
    for day in ("2026-10-29", "2026-10-30"):
        write(folder / day / f"{ACCOUNT}.csv", csv_of(root(), *ODD[:3]) + "\nbroken,row,again\n")
    many = csv_of(root(LARGE_ACCOUNT), *(made_up(number, LARGE_ACCOUNT) for number in range(60)))
    for day in ("2026-10-20", "2026-10-31"):
        write(folder / day / f"{LARGE_ACCOUNT}.csv", many)
    # Two accounts in one file: it is the newest report of only one of them.
    merged = [
        user(name, account=account, **key(rotated="2025-01-01T00:00:00Z")) for name, account in (("z", LARGE_ACCOUNT),)
    ]
    old = user("ci-deploy", account=OTHER_ACCOUNT, **key(rotated="2026-01-01T00:00:00Z"))
    write(folder / "2026-10-25/merged.csv", csv_of(root(OTHER_ACCOUNT), old, *merged))
    write(folder / "2026-10-31/copy.csv", many)
    write(folder / "2026-10-31/notes.txt", "nothing")
    write(folder / "2026-10-31/empty.csv", "")
    return [str(folder)]


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def leave(
    fleet: list[str],
    folder: Path,
    formats: Sequence[str] = ("parquet",),
    tables: Sequence[str] = tuple(TABLES),
    options: Options = Options(),  # noqa: B008 - frozen
    where: Engine = ENGINES["local"],
) -> dict[str, bytes]:
    """Audit the fleet into a folder; return all files of it."""
    written = pipeline.audit(
        fleet, settings(), str(folder), formats=formats, tables=tables, options=options, where=where
    )
    files = files_in(folder)
    assert sorted(written.files) == sorted(files)
    return files


def formats_in(folder: Path) -> dict[str, str]:
    """Return the format of each rendering that `rendered.json` lists."""
    rendered = read_rendered(folder)
    return {output["name"]: output["format"] for output in rendered["outputs"]} if rendered else {}


# --- render gives what audit gives ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("engine", "rows"), list(product(ENGINES, [3, 100_000])))
def test_render_gives_the_same_bytes_as_audit(fleet: list[str], tmp_path: Path, engine: str, rows: int) -> None:
    options, where = Options(workbook_rows=rows), ENGINES[engine]
    at_once = leave(fleet, tmp_path / "at once", FORMATS, options=options, where=where)
    alone = leave(fleet, tmp_path / "later", where=where)
    assert (engine == "dask") == any(name.startswith("findings.parquet/part-") for name in alone)
    assert RENDERED not in alone
    written = pipeline.render(tmp_path / "later", FORMATS, tmp_path / "elsewhere", options=options)
    assert files_in(tmp_path / "later") == alone, "a set that is rendered elsewhere stays as it is"
    assert files_in(tmp_path / "elsewhere") == at_once
    assert sorted([*written.files, *alone]) == sorted(at_once)
    written = pipeline.render(tmp_path / "later", FORMATS, options=options)
    assert files_in(tmp_path / "later") == at_once
    assert sorted([*written.files, *alone]) == sorted(at_once)
    for name in ("at once", "elsewhere", "later"):
        assert pipeline.verify(tmp_path / name, fleet).holds


def test_renderings_of_both_engines_are_the_same_bytes(fleet: list[str], tmp_path: Path) -> None:
    for engine, where in ENGINES.items():
        leave(fleet, tmp_path / engine, FORMATS, where=where)
    names = formats_in(tmp_path / "local")
    assert names == formats_in(tmp_path / "dask")
    for name in names:
        assert without_digest(tmp_path / "local", name) == without_digest(tmp_path / "dask", name), name


def test_one_format_after_the_other_gives_the_same_renderings(fleet: list[str], tmp_path: Path) -> None:
    at_once = leave(fleet, tmp_path / "at once", FORMATS)
    out = tmp_path / "out"
    alone = leave(fleet, out)
    for position, format_name in enumerate(FORMATS):
        pipeline.render(out, [format_name])
        assert set(formats_in(out).values()) == set(FORMATS[: position + 1])
        assert pipeline.verify(out).holds
    files = files_in(out)
    assert files.keys() == at_once.keys()
    assert {name for name in at_once if at_once[name] != files[name]} <= {RENDERED}
    assert {name: files[name] for name in alone} == alone, "tables and manifest are never rewritten"


def test_other_renderings_stay_and_the_same_format_is_replaced(fleet: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = leave(fleet, out, ("charts", "excel"))
    pipeline.render(out, ["excel"], options=Options(workbook_rows=3))
    after = files_in(out)
    assert after.keys() == before.keys()
    assert {name for name in before if before[name] != after[name]} == {"workbook.xlsx", RENDERED}
    pipeline.render(out, ["charts"], out)
    assert files_in(out).keys() == before.keys(), "its own folder by name is the set itself"
    copy = tmp_path / "copy"
    pipeline.render(out, ["remediation"], copy)
    assert set(formats_in(copy).values()) == {"remediation"}
    assert files_in(out).keys() == before.keys()
    for folder in (out, copy):
        assert pipeline.verify(folder).holds


def test_nothing_to_render_leaves_the_set_as_it_is(fleet: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = leave(fleet, out)
    written = pipeline.render(out, ["parquet"])
    assert written.files == []
    assert files_in(out) == before
    pipeline.render(out, ["charts"])
    before = files_in(out)
    assert pipeline.render(out, ["parquet"]).files == [RENDERED]
    assert files_in(out) == before


def test_rendered_json_names_the_manifest_settings_and_versions(fleet: list[str], tmp_path: Path) -> None:
    leave(fleet, tmp_path, FORMATS, options=Options(workbook_rows=7))
    rendered, manifest = read_rendered(tmp_path), read_manifest(tmp_path)
    assert rendered is not None
    assert rendered["manifest"] == manifest["digest"]
    assert rendered["settings"] == {"workbook_rows": 7, "due_within": 14}
    assert {"credreport", "pandas", "pyarrow", "matplotlib", "xlsxwriter"} == rendered["versions"].keys()
    assert {"credreport", "pandas", "pyarrow"} == manifest["versions"].keys()
    assert "workbook_rows" not in json.dumps(manifest), "the manifest has only what changes the tables"
    assert list(dict.fromkeys(output["format"] for output in rendered["outputs"])) == list(FORMATS)


USUAL: Final = {"workbook_rows": 100_000, "due_within": 14}
"""The options of a rendering."""


def test_rendered_json_keeps_how_earlier_renderings_were_made(fleet: list[str], tmp_path: Path) -> None:
    leave(fleet, tmp_path, ["excel"], options=Options(workbook_rows=7))
    for formats in (["charts"], ["remediation"]):
        pipeline.render(tmp_path, formats)
        rendered = read_rendered(tmp_path)
        assert rendered is not None
        assert rendered["settings"] == USUAL
        for output in rendered["outputs"]:
            assert output.get("settings") == (USUAL | {"workbook_rows": 7} if output["format"] == "excel" else None)
            assert "versions" not in output, "those of now"
    pipeline.render(tmp_path, ["charts"], options=Options(workbook_rows=7))
    rendered = read_rendered(tmp_path)
    assert rendered is not None
    assert rendered["settings"] == USUAL | {"workbook_rows": 7}
    of_format = {output["format"]: output.get("settings") for output in rendered["outputs"]}
    assert of_format == {"excel": None, "charts": None, "remediation": USUAL}


def test_rendered_json_says_which_pictures_were_not_made_and_why(tmp_path: Path) -> None:
    recent = password(changed="2026-10-30T00:00:00Z", used="2026-10-31T00:00:00Z")
    passing = write(tmp_path / f"in/2026-10-31_{ACCOUNT}.csv", csv_of(root(), user("auditor", **recent)))
    out, unused_only = tmp_path / "out", Settings(make_checklist(controls=["unused-credentials"]), as_of=AS_OF)
    pipeline.audit([str(passing)], unused_only, str(out), formats=["charts", "excel"])
    rendered = read_rendered(out)
    assert rendered is not None
    reasons = {
        "charts/matrix.png": "Only one control was judged.",
        "charts/requirements.png": "No framework was chosen (--benchmark).",
        "charts/accounts.png": "No credential fails in any account.",
        "charts/age_vs_idle.png": "No IAM user in the judged reports has an active access key.",
    }
    assert rendered["not_made"] == [{"name": name, "format": "charts", "why": why} for name, why in reasons.items()]
    assert not reasons.keys() & files_in(out).keys()
    assert pipeline.verify(out).holds
    # Pictures that were not made stay listed, and each is listed once.
    for formats in (["excel"], ["charts"], ["excel", "charts"]):
        pipeline.render(out, formats)
        again = read_rendered(out)
        assert again is not None
        assert again["not_made"] == rendered["not_made"]
        assert pipeline.verify(out).holds
    assert pipeline.render(out, ["charts"], tmp_path / "copy").files[-1] == RENDERED
    copied = read_rendered(tmp_path / "copy")
    assert copied is not None
    assert copied["not_made"] == rendered["not_made"]


def test_a_set_without_any_picture_is_described_and_holds(tmp_path: Path) -> None:
    path = write(tmp_path / f"in/2026-10-31_{ACCOUNT}.csv", csv_of(root()))
    out, unused_only = tmp_path / "out", Settings(make_checklist(controls=["unused-credentials"]), as_of=AS_OF)
    written = pipeline.audit([str(path)], unused_only, str(out), formats=["charts"])
    assert RENDERED in written.files
    assert sorted(written.files) == sorted(files_in(out))
    rendered = read_rendered(out)
    assert rendered is not None
    assert rendered["outputs"] == []
    assert [picture["name"] for picture in rendered["not_made"]] == [f"charts/{name}.png" for name in AUDIT_PICTURES]
    assert pipeline.verify(out).holds
    pipeline.render(out, ["charts"])
    assert read_rendered(out) == rendered


# --- what is refused --------------------------------------------------------------------------------------------------


def assert_refused(folder: Path, out: Path, match: str, hint: str, formats: Sequence[str] = FORMATS) -> None:
    """Require that neither the set itself nor another folder gets a rendering, and that no file is changed."""
    before = files_in(folder)
    for target in (None, out):
        with pytest.raises(InputError, match=match) as error:
            pipeline.render(folder, formats, target)
        assert hint in error.value.hint
    assert files_in(folder) == before
    assert not out.exists()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_changed_byte_of_any_table_or_of_the_manifest_is_refused(
    fleet: list[str], tmp_path: Path, engine: str
) -> None:
    out = tmp_path / "out"
    for name, data in leave(fleet, out, where=ENGINES[engine]).items():
        for at in (0, len(data) // 2, len(data) - 1):
            changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            (out / name).write_bytes(changed)
            assert_refused(out, tmp_path / "other", re.escape(name), "")
        (out / name).write_bytes(data)
    assert pipeline.verify(out).holds


def test_a_table_that_is_gone_is_refused(fleet: list[str], tmp_path: Path) -> None:
    leave(fleet, tmp_path / "out")
    (tmp_path / "out/findings.parquet").unlink()
    assert_refused(tmp_path / "out", tmp_path / "other", r"findings\.parquet", "credreport verify")


def test_a_set_of_another_version_is_refused_with_what_to_do(fleet: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    leave(fleet, out)
    manifest = read_manifest(out)
    first = {name: value for name, value in manifest.items() if name != "digest"} | {"schema_version": 1}
    write(out / MANIFEST, json.dumps(first, indent=2))
    assert_refused(
        out, tmp_path / "other", "has schema version 1, this credreport reads version 3", "run the command again"
    )
    (out / MANIFEST).write_bytes(seal(manifest | {"schema_version": 4}))
    assert_refused(
        out, tmp_path / "other", "has schema version 4, this credreport reads version 3", "update credreport"
    )


def test_a_folder_without_an_evidence_set_is_refused(fleet: list[str], tmp_path: Path) -> None:
    assert_refused(Path(fleet[0]), tmp_path / "other", "no evidence set", "credreport audit -o DIR")


@pytest.mark.parametrize("tables", [("issues",), ("findings", "users", "issues"), ()])
def test_a_set_without_a_table_that_is_needed_names_the_option(
    fleet: list[str], tmp_path: Path, tables: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    leave(fleet, out, tables=tables)
    missing = ", ".join(sorted(TABLES.keys() - set(tables)))
    assert_refused(out, tmp_path / "other", rf"without {missing} \(option --tables\)", "without --tables")
    pipeline.render(out, ["parquet"], tmp_path / "plain")  # which needs none of them
    assert pipeline.verify(tmp_path / "plain").holds


def test_a_workbook_that_a_person_changed_is_not_replaced(fleet: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    leave(fleet, out, ["excel"])
    write(out / "workbook.xlsx", "mine")
    with pytest.raises(OutputError, match=r"workbook\.xlsx in .* was changed"):
        pipeline.render(out, ["charts"])
    assert (out / "workbook.xlsx").read_text(encoding="utf-8") == "mine"
    pipeline.render(out, ["excel"], tmp_path / "other")
    assert pipeline.verify(tmp_path / "other").holds


def test_renderings_of_another_set_are_refused(fleet: list[str], tmp_path: Path) -> None:
    leave(fleet, tmp_path / "out", ["excel"])
    rendered = read_rendered(tmp_path / "out")
    assert rendered is not None
    (tmp_path / "out" / RENDERED).write_bytes(seal(rendered | {"manifest": "0" * 64}))
    with pytest.raises(InputError, match=rf"{RENDERED} in .* belongs to another evidence set"):
        pipeline.render(tmp_path / "out", ["charts"])


# --- the manifest -----------------------------------------------------------------------------------------------------


def rows_of(folder: Path, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(folder / f"{table}.parquet").to_pylist()
    return rows


@pytest.mark.parametrize("every", [False, True])
def test_rows_in_are_rows_out_and_rejected_and_not_judged(fleet: list[str], tmp_path: Path, every: bool) -> None:
    out = tmp_path / "out"
    pipeline.audit(
        fleet, Settings(make_checklist(), AS_OF, every), str(out), formats=["parquet"], where=Engine(batch=1)
    )
    manifest, users = read_manifest(out), rows_of(out, "users")
    rejected = [row for row in rows_of(out, "issues") if CODES[row["code"]].level >= Level.REJECTED and row["line"]]
    roles = set()
    for report in manifest["inputs"]:
        parts = report["accounts"]
        roles |= {part["role"] for part in parts}
        assert report["rows"] == sum(part["rows"] for part in parts) + report["rejected"], report["name"]
        # In the file a line each, below the header.
        assert report["rows"] == len(Path(report["name"]).read_text(encoding="utf-8").strip().splitlines()) - 1
        judged_rows = [row for row in users if row["source"] == report["name"]]
        of_account = {part["account_id"]: part["rows"] for part in parts if part["role"] == "judged"}
        assert report["judged"] == bool(of_account)
        for account, rows in of_account.items():
            assert sum(row["account_id"] == account for row in judged_rows) == rows
        assert len(judged_rows) == sum(of_account.values())
        if {part["role"] for part in parts} == {"judged"}:
            lines = [row["line"] for row in judged_rows] + [
                row["line"] for row in rejected if row["source"] == report["name"]
            ]
            assert sorted(lines) == list(range(2, report["rows"] + 2)), "each row is out, or rejected by its line"
    assert roles == ({"judged"} if every else {"judged", "trend", "not_judged"})
    counts = manifest["counts"]
    assert counts["users"] == len(users)
    assert counts["rows"] == counts["users"] + counts["rows_rejected"] + counts["rows_not_judged"]
    assert counts["rows_rejected"] == sum(report["rejected"] for report in manifest["inputs"]) > 0
    assert {Path(file["source"]).name for file in manifest["not_read"]} == {"copy.csv", "notes.txt", "empty.csv"}


def test_the_manifest_lists_the_tables_alone(fleet: list[str], tmp_path: Path) -> None:
    files = leave(fleet, tmp_path / "out", FORMATS, tables=["findings"])
    manifest = unseal(files[MANIFEST])
    assert [output["name"] for output in manifest["outputs"]] == [
        "findings.parquet",
        "tallies.parquet",
        "trend.parquet",
    ]
    assert manifest["kind"] == "audit"
    assert manifest == unseal(leave(fleet, tmp_path / "again", tables=["findings"])[MANIFEST])
