"""The JSON Schemas describe what the program prints and writes: real documents fit, and documents changed do not."""

from __future__ import annotations

import copy
import json
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from typer.main import get_command

from analyzer.cli.main import app
from analyzer.controls.catalog import BY_ID
from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import RequirementStatus, Status
from analyzer.evidence.coverage import Coverage
from analyzer.evidence.schema import FINDINGS, ISSUES, KINDS_OF_EVENTS, MEASURES
from analyzer.evidence.seal import SCHEMA_VERSION
from analyzer.judging.people import Match
from tests.cli.running import run
from tests.reports import csv_of, key, password, root, user, write
from tests.test_api import LEAVERS, POLICY
from tests.test_numbers_agree import all_passing, fleet, monthly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "analyzer/schemas/v1"
SCHEMAS: Final = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
REGISTRY: Final = Registry[Any]().with_resources(
    (f"{name}.json", Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)
COMMON: Final = SCHEMAS["common"]["$defs"]


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[name], registry=REGISTRY)


def require_fits(name: str, document: object) -> None:
    wrong = [f"{error.json_path}: {error.message[:300]}" for error in validator(name).iter_errors(document)]
    assert wrong == []


def printed(*arguments: str) -> Any:  # noqa: ANN401 - a JSON document
    """Return what a command prints with --json, after it was compared with its schema."""
    with_json = list(arguments) if "--json-all" in arguments else [*arguments, "--json"]
    done = run(*with_json)
    assert done.returncode in {0, 1, 3}, done.stderr
    document = json.loads(done.stdout)
    require_fits(arguments[0], document)
    if arguments[0] != "controls":
        assert next(iter(document.items())) == ("schema", f"credreport/{arguments[0]}/v1")
    return document


def documents_in(folder: str) -> dict[str, Any]:
    """Return the documents in a folder, after they were compared with their schemas."""
    documents_by_name = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).glob("*.json")
    }
    assert "manifest" in documents_by_name
    for name, document in documents_by_name.items():
        require_fits(name, document)
    return documents_by_name


# --- the schemas themselves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_file_is_a_schema_with_existing_references(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    resolver = REGISTRY.resolver(f"{name}.json")
    for value in references(SCHEMAS[name]):
        resolver.lookup(value)


def references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for part in schema.values():
            yield from references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)


def test_every_command_with_json_has_a_schema() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    commands_with_json = {
        name for name, command in commands.items() if any("--json" in option.opts for option in command.params)
    }
    assert commands_with_json == SCHEMAS.keys() - {"common", "manifest", "rendered"}
    assert commands.keys() - commands_with_json == {"manual"}


def test_every_schema_is_in_the_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["analyzer"]
    assert len(SCHEMAS) > 10
    assert all(any(fnmatch(f"schemas/v1/{name}.json", pattern) for pattern in patterns) for name in SCHEMAS)


def test_words_and_columns_are_those_of_the_program() -> None:
    assert COMMON["status"]["enum"] == list(Status)
    assert COMMON["severity"]["enum"] == list(Severity)
    assert list(COMMON["finding"]["properties"]) == FINDINGS.names
    assert list(COMMON["issue"]["properties"]) == ISSUES.names
    assert COMMON["comparison"]["properties"]["events"]["propertyNames"]["enum"] == list(KINDS_OF_EVENTS)
    assert set(COMMON["history"]["properties"]["measures"]["items"]["properties"]) == set(MEASURES.names)
    assert list(COMMON["matches"]["properties"]) == list(Match)
    counts = COMMON["counts"]["properties"]
    assert list(counts["by_requirement"]["items"]["properties"]["accounts"]["properties"]) == list(RequirementStatus)
    assert set(counts["coverage"]["properties"]) == {*Coverage, "expected", "missing_accounts"}
    assert SCHEMAS["manifest"]["properties"]["schema_version"] == {"const": SCHEMA_VERSION}
    for control in BY_ID:
        Draft202012Validator(COMMON["control"]).validate(control)


# --- what fits --------------------------------------------------------------------------------------------------------


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").symlink_to(ROOT / "sample_reports")
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "leavers.csv").write_text(LEAVERS)
    listed = "account,name,owner\n111122223333,payments,team-a\n000011112222,,\n"
    (tmp_path / "accounts.csv").write_text(listed)
    (tmp_path / "own.toml").write_text(
        'id = "own"\ntitle = "Own"\nversion = "1"\npublisher = "Example Ltd"\n'
        '[[requirements]]\nnumber = "A.1"\ntitle = "Idle"\ncontrols = ["unused-credentials"]\n'
    )
    return tmp_path


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--as-of", "2026-10-31", "--policy", "policy.toml", "--due-within", "30", "--json-all"],
        ["--benchmark", "cis-7.0,soc2", "--max-idle-days", "30"],
        ["--benchmark", "own.toml", "--every-snapshot", "--tables", "issues", "--format", "parquet"],
        ["--accounts", "accounts.csv", "--max-report-age", "3", "--by", "owner", "--format", "excel,ics,remediation"],
        ["--leavers", "leavers.csv", "--people", "leavers.csv", "--no-trend", "--control", "leaver-credentials"],
        ["--pseudonyms", "key", "--leavers", "leavers.csv", "--policy", "policy.toml", "--accounts", "accounts.csv"],
        ["--account-id", "444455556666", "--captured-at", "*.csv=2026-10-31", "--max-file-size", "2GB", "--strict"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("working_folder")
def test_audits_fit(options: list[str]) -> None:
    summary = printed("audit", "reports/", *options, "-o", "out")
    documents = documents_in("out")
    assert summary["by_control"] == documents["manifest"]["counts"]["by_control"]
    assert ("--tables" in options) == (summary["findings"] is None)


@pytest.mark.parametrize("make", [all_passing, fleet, monthly], ids=lambda make: str(make.__name__))
def test_audits_of_made_up_fleets_fit(working_folder: Path, make: Callable[[Path], None]) -> None:
    make(working_folder / "made")
    paths = [str(path) for path in sorted(Path("made").iterdir()) if path.is_dir()]
    printed("audit", *paths, "--accounts", "made/accounts.csv", "--format", "excel", "-o", "out")
    documents_in("out")
    printed("history", *paths, "--format", "parquet", "-o", "followed")
    documents_in("followed")
    if len(paths) > 1:
        printed("compare", paths[0], paths[-1], "--format", "parquet", "-o", "compared")
        documents_in("compared")


@pytest.mark.usefixtures("working_folder")
def test_stores_histories_and_comparisons_fit() -> None:
    printed("ingest", "reports", "--store", "kept")
    printed("store", "kept")
    dates = ["--as-of-series", "2024-01-31,2026-10-31", "--sla-days", "30"]
    for name, options in (
        ("reports", ["reports", *dates, "--policy", "policy.toml"]),
        ("stored", ["--store", "kept", "--benchmark", "security-hub"]),
        ("hidden", ["reports", "--pseudonyms", "key"]),
    ):
        printed("history", *options, "-o", f"history of {name}", "--format", "html")
        documents_in(f"history of {name}")
    printed("audit", "reports/2026-09-30", "-o", "old", "--format", "parquet")
    printed("audit", "reports/2026-10-31", "-o", "new", "--format", "parquet")
    for name, options in (
        ("reports", ["reports/2026-09-30", "reports/2026-10-31", "--policy", "policy.toml"]),
        ("stored", ["--store", "kept", "--from", "2026-09-30", "--to", "2026-10-31"]),
        ("sets", ["old", "new"]),
    ):
        printed("compare", *options, "-o", f"comparison of {name}", "--format", "excel")
        documents_in(f"comparison of {name}")


def test_a_new_failure_of_each_kind_of_credential_fits(working_folder: Path) -> None:
    old = {"user_creation_time": "2025-01-01T00:00:00Z"}
    cells = {
        **password(used="2025-01-02T00:00:00Z", changed="2025-01-01T00:00:00Z"),
        **key(rotated="2025-01-01T00:00:00Z"),
        "cert_1_active": "true",
        "cert_1_last_rotated": "2025-01-01T00:00:00Z",
    }
    write(working_folder / "kinds/2026-09-30/111122223333.csv", csv_of(root(), user("a", **old)))
    write(working_folder / "kinds/2026-10-31/111122223333.csv", csv_of(root(), user("a", **old, **cells)))
    options = ["kinds/2026-09-30", "kinds/2026-10-31", "--format", "parquet", "-o", "compared kinds"]
    kinds = {row["kind"] for row in printed("compare", *options)["new_failures"]}
    assert kinds == {"password", "access_key", "certificate", "user"}


@pytest.mark.usefixtures("working_folder")
def test_a_store_with_a_damaged_part_fits() -> None:
    printed("ingest", "reports", "--store", "kept")
    next(Path("kept").rglob("*.parquet")).write_bytes(b"no parquet")
    assert printed("store", "kept")["damaged"]


@pytest.mark.usefixtures("working_folder")
def test_answers_about_evidence_sets_fit() -> None:
    printed("audit", "reports", "-o", "out")
    printed("show", "out")
    printed("show", "out", "--user", "billing-*", "--control", "2.11", "--status", "fail", "--account", "111122223333")
    printed("show", "out", "--due-within", "30", "--limit", "1")
    printed("sample", "out", "-o", "drawn", "--by", "kind,status,account", "--control", "console-mfa")
    documents_in("drawn")
    printed("render", "out", "--format", "ics", "--due-within", "30")
    documents_in("out")
    printed("render", "out", "--format", "excel", "--carry-over", "out/workbook.xlsx")
    documents_in("out")
    assert printed("verify", "out", "--inputs", "reports")["holds"]
    Path("out/extra").touch()
    Path("out/users.parquet").unlink()
    with Path("out/findings.parquet").open("ab") as file:
        file.write(b" ")
    result = printed("verify", "out", "--inputs", "reports/2026-10-31")
    assert result["changed"]
    assert result["missing"]
    assert result["extra"]


@pytest.mark.usefixtures("working_folder")
def test_answers_of_inspect_and_controls_fit() -> None:
    printed("inspect", "reports")
    for options in ([], ["2.11"], ["--benchmarks"], ["--benchmark", "cis-7.0"], ["--benchmark", "cis-7.0,own.toml"]):
        assert printed("controls", *options)


# --- what does not fit ------------------------------------------------------------------------------------------------

MAPS: Final = {"parameters", "set_by", "issues", "by_account", "by_kind", "events", "fixed_by", "versions", "mapping"}
"""Objects whose keys are names."""
OPTIONAL: Final = {
    "audit": (
        *("by_requirement", "trend", "coverage", "leavers", "people", "due/findings"),
        *("trend/captured_at", "trend/earlier_captured_at", "by_account/*/name", "by_account/*/owner"),
    ),
    "manifest": (
        *("settings/accounts", "settings/leavers", "settings/people"),
        *("by_requirement", "trend", "coverage", "leavers", "people"),
        *("trend/captured_at", "trend/earlier_captured_at", "by_account/*/name", "by_account/*/owner"),
    ),
    "compare": ("captured", "not_judged"),
    "history": ("not_judged",),
    "rendered": ("outputs/*/settings", "outputs/*/versions"),
    "sample": ("strata/*/kind",),
    "verify": ("checked/table", "checked/rendering"),
}
"""Keys that some documents lack, by schema; for a manifest without `counts`, where most of them are."""


def is_optional(name: str, path: tuple[str | int, ...]) -> bool:
    """Whether a key may be missing: it is one of `OPTIONAL`, or a name in a map."""
    if path[-2:-1] and path[-2] in MAPS:
        return True
    parts = ["*" if isinstance(part, int) or path[at] in MAPS else str(part) for at, part in enumerate(path[1:])]
    return "/".join([str(path[0]), *parts]).removeprefix("counts/") in OPTIONAL.get(name, ())


def small(document: Any) -> Any:  # noqa: ANN401 - a JSON document
    """Return a document with at most two parts of each list."""
    if isinstance(document, dict):
        return {name: small(part) for name, part in document.items()}
    return [small(part) for part in document[:2]] if isinstance(document, list) else document


def places(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401
    """Yield the path of each value in a document, but for the document's own."""
    parts = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, part in parts:
        yield (*path, name)
        yield from places(part, (*path, name))


def holder(document: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401
    """Return what holds the value at a path."""
    for name in path[:-1]:
        document = document[name]
    return document


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return a small document of each schema."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("documents")
        patch.chdir(folder)
        (folder / "reports").symlink_to(ROOT / "sample_reports")
        (folder / "policy.toml").write_text(POLICY)
        (folder / "accounts.csv").write_text("account,name,owner\n111122223333,payments,team-a\n000011112222,,\n")
        (folder / "people.csv").write_text(LEAVERS)
        lists = ["--accounts", "accounts.csv", "--leavers", "people.csv", "--people", "people.csv"]
        options = ["--benchmark", "cis-7.0", "--policy", "policy.toml", "--due-within", "30", *lists]
        snapshots = ["reports/2026-09-30", "reports/2026-10-31"]
        documents_by_name = {
            "audit": printed("audit", "reports", *options, "-o", "out"),
            "history": printed("history", "reports", "--sla-days", "30", "--format", "parquet"),
            "compare": printed("compare", *snapshots, "--policy", "policy.toml", "--format", "parquet"),
            "ingest": printed("ingest", "reports", "--store", "kept"),
            "store": printed("store", "kept"),
            "show": printed("show", "out", "--control", "2.11"),
            "sample": printed("sample", "out", "--by", "kind"),
            "inspect": printed("inspect", "reports"),
            "controls": printed("controls"),
            "render": printed("render", "out", "--format", "ics"),
            **documents_in("out"),
        }
        Path("out/extra").touch()
        documents_by_name["verify"] = printed("verify", "out")
    return {name: small(document) for name, document in documents_by_name.items()}


NAMES: Final = sorted(SCHEMAS.keys() - {"common"})


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_key_is_refused(name: str, documents: dict[str, Any]) -> None:
    dropped = 0
    for path in places(documents[name]):
        if not isinstance(path[-1], str) or is_optional(name, path):
            continue
        changed = copy.deepcopy(documents[name])
        del holder(changed, path)[path[-1]]
        assert not validator(name).is_valid(changed), path
        dropped += 1
    assert dropped > 2


@pytest.mark.parametrize("name", NAMES)
def test_a_value_of_another_type_is_refused(name: str, documents: dict[str, Any]) -> None:
    for path in places(documents[name]):
        changed = copy.deepcopy(documents[name])
        holder(changed, path)[path[-1]] = {"no": [1.5]}
        assert not validator(name).is_valid(changed), path


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_key_is_refused(name: str, documents: dict[str, Any]) -> None:
    whole = [documents[name]]
    for path in [(0,), *places(whole)]:
        changed = copy.deepcopy(whole)
        value = holder(changed, path)[path[-1]]
        if isinstance(value, dict):
            value["no such key"] = [1.5]
            assert not validator(name).is_valid(changed[0]), path


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("audit", ("findings", 0, "status"), "failed"),
        ("audit", ("findings", 0, "severity"), "grave"),
        ("audit", ("findings", 0, "as_of"), "2026-10-31"),
        ("audit", ("findings", 0, "line"), 0),
        ("audit", ("by_control", 0, "fail"), -1),
        ("audit", ("schema",), "credreport/history/v1"),
        ("audit", ("exit_code",), 2),
        ("manifest", ("kind",), "history"),
        ("manifest", ("digest",), "0"),
        ("rendered", ("schema_version",), 1),
        ("verify", ("extra", 0, "kind"), "other"),
    ],
)
def test_a_wrong_value_is_refused(
    name: str, path: tuple[str | int, ...], value: object, documents: dict[str, Any]
) -> None:
    changed = copy.deepcopy(documents[name])
    holder(changed, path)[path[-1]] = value
    assert not validator(name).is_valid(changed)
