"""Pseudonyms change what users, accounts and files are called, and nothing else."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.controls.policy import parse_policy
from analyzer.errors import InputError, UsageError
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.pseudonymous import settings_under
from analyzer.evidence.settings import Settings
from analyzer.reading.layout import ROOT_USER
from analyzer.survey.pseudonyms import Pseudonyms
from tests.cli.running import run
from tests.golden.fleets import FLEETS, POLICY, drawn
from tests.reports import csv_of, key, password, root, user, write
from tests.strategies import Report, containers, reports
from tests.test_laws import AS_OF, GENERATED

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY = bytes(range(32))
PSEUDONYMS = Pseudonyms(KEY)
OTHER_PSEUDONYMS = Pseudonyms(bytes(32))
accounts = st.from_regex(r"[0-9]{12}", fullmatch=True)


# --- the pseudonyms themselves ----------------------------------------------------------------------------------------


@given(st.lists(accounts, unique=True, max_size=50))
def test_accounts_keep_their_form_and_never_share_a_pseudonym(numbers: list[str]) -> None:
    pseudonyms = [PSEUDONYMS.account(number) for number in numbers]
    assert all(re.fullmatch("[0-9]{12}", pseudonym) for pseudonym in pseudonyms)
    assert len(set(pseudonyms)) == len(numbers)


def test_neighbouring_accounts_are_spread_over_all_numbers() -> None:
    pseudonyms = [int(PSEUDONYMS.account(f"{number:012d}")) for number in range(2_000)]
    assert len(set(pseudonyms)) == 2_000
    tenths = [sum(pseudonym // 10**11 == tenth for pseudonym in pseudonyms) for tenth in range(10)]
    assert min(tenths) > 140  # of 200 that are expected
    assert max(tenths) < 260


@given(st.text(), st.text())
def test_texts_share_a_pseudonym_only_where_they_are_the_same(first: str, second: str) -> None:
    assert (PSEUDONYMS.of("user", first) == PSEUDONYMS.of("user", second)) == (first == second)
    assert PSEUDONYMS.of("user", first).partition("-")[2] != PSEUDONYMS.of("owner", first).partition("-")[2]
    assert PSEUDONYMS.of("user", first) != OTHER_PSEUDONYMS.of("user", first)
    assert re.fullmatch("user-[0-9a-f]{16}", PSEUDONYMS.of("user", first))


def test_a_pseudonym_is_not_the_plain_digest_of_its_name() -> None:
    digest = PSEUDONYMS.of("user", "ci-deployer").partition("-")[2]
    assert not hashlib.sha256(b"ci-deployer").hexdigest().startswith(digest)
    assert not hashlib.sha256(b"user\0ci-deployer").hexdigest().startswith(digest)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("reports/2026/a.csv", ".csv"),
        ("a.CSV.gz", ".csv.gz"),
        ("a.zip/secret.d/b.json#2", ".json#2"),
        ("secret.jane", ""),
        ("jane", ""),
        ("a#1", "#1"),
        ("a#111122223333", ""),
    ],
)
def test_a_source_keeps_known_suffixes_and_its_number(name: str, suffix: str) -> None:
    assert re.fullmatch(rf"report-[0-9a-f]{{16}}{re.escape(suffix)}", PSEUDONYMS.source(name))


def test_parts_of_a_file_have_the_pseudonym_of_the_file() -> None:
    assert PSEUDONYMS.source("in/a.csv#2") == f"{PSEUDONYMS.source('in/a.csv')}#2"


def test_the_key_is_in_no_text() -> None:
    assert KEY.hex() not in repr(PSEUDONYMS)
    assert repr(KEY) not in repr(PSEUDONYMS)


# --- the same verdicts ------------------------------------------------------------------------------------------------


def translated(frame: pd.DataFrame, pseudonyms: Pseudonyms = PSEUDONYMS) -> list[str]:
    """Return the rows of findings as they are expected under pseudonyms, in no order; without ARNs."""
    pseudonym_of_column = {
        "account_id": pseudonyms.account,
        "user": lambda name: pseudonyms.user(name.lower()),
        "source": pseudonyms.source,
        "waiver": lambda name: pseudonyms.of("waiver", name),
    }
    for column, pseudonym_of in pseudonym_of_column.items():
        frame = frame.assign(**{column: frame[column].map(pseudonym_of, na_action="ignore")})
    return rows(frame)


def rows(frame: pd.DataFrame) -> list[str]:
    """Return the rows of findings, in no order; without ARNs."""
    frame = frame.drop(columns="arn").astype("object")
    frame = frame.where(frame.notna(), None)
    return sorted(repr(row) for row in frame.itertuples(index=False, name=None))


def table(folder: Path, name: str) -> pd.DataFrame:
    frame: pd.DataFrame = EvidenceSet.at(str(folder)).table(name).to_pandas()
    return frame


def audited(paths: Sequence[str], settings: Settings, folder: Path, **options: Any) -> pd.DataFrame:  # noqa: ANN401
    pipeline.audit(paths, settings, str(folder), formats=["parquet"], **options)
    return table(folder, "findings")


@given(reports(), st.sampled_from(sorted(containers)))
def test_every_verdict_is_the_same(report: Report, container: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report_111122223333"
        path.write_bytes(containers[container](report.to_csv(), GENERATED))
        settings = Settings(make_checklist(all_controls=True), as_of=AS_OF)
        plain = audited([str(path)], settings, Path(folder) / "plain")
        hidden = audited([str(path)], settings, Path(folder) / "hidden", pseudonyms=PSEUDONYMS)
    assert rows(hidden) == translated(plain)


def without_remediation(args: Sequence[str]) -> list[str]:
    return [arg.replace(",remediation", "") for arg in args]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "pseudonyms.key"
    path.touch(0o600)
    path.write_text(f"{KEY.hex()}\n")
    return path


@pytest.mark.parametrize("name", sorted(FLEETS))
def test_every_fleet_is_judged_the_same(name: str, tmp_path: Path, key_file: Path) -> None:
    fleet = drawn(name)
    for file, content in fleet.files.items():
        write(tmp_path / "x" / file, content)
    args = without_remediation(fleet.args)
    plain = run("audit", *args, "-o", tmp_path / "plain", cwd=tmp_path / "x")
    hidden = run("audit", *args, "-o", tmp_path / "hidden", "--pseudonyms", key_file, cwd=tmp_path / "x")
    assert hidden.returncode == plain.returncode, hidden.stderr
    if plain.returncode == 2:
        assert hidden.stderr == plain.stderr
        return
    assert rows(table(tmp_path / "hidden", "findings")) == translated(table(tmp_path / "plain", "findings"))
    codes = [sorted(table(tmp_path / folder, "issues")["code"]) for folder in ("plain", "hidden")]
    assert codes[0] == codes[1]


def test_the_samples_are_judged_the_same(tmp_path: Path) -> None:
    settings = Settings(make_checklist(), as_of=AS_OF)
    plain = audited(["sample_reports"], settings, tmp_path / "plain")
    hidden = audited(["sample_reports"], settings, tmp_path / "hidden", pseudonyms=PSEUDONYMS)
    assert rows(hidden) == translated(plain)
    plain_trend, hidden_trend = (
        EvidenceSet.at(str(tmp_path / folder)).table("trend").to_pandas() for folder in ("plain", "hidden")
    )
    assert hidden_trend["account_id"].tolist() == sorted(map(PSEUDONYMS.account, plain_trend["account_id"]))


# --- order, digests and batches ---------------------------------------------------------------------------------------

NUMBERS = ("111122223333", "123456789012", "444455556666", "777788889999", "999988887777")


@pytest.fixture
def fleet(tmp_path: Path) -> list[str]:
    """Return a folder with five accounts of two users each, and an earlier snapshot of them."""
    for day, used in (("2026-09-30", "2026-09-29T00:00:00Z"), ("2026-10-31", "2026-01-01T00:00:00Z")):
        for account in NUMBERS:
            users = [
                user("backup-operator", account=account, **key(rotated="2025-01-01T00:00:00Z", used=used)),
                user("ci-deployer", account=account, **password(changed="2025-01-01T00:00:00Z")),
            ]
            write(tmp_path / f"in/{day}/{account}.csv", csv_of(root(account), *users))
    return [str(tmp_path / "in")]


def test_rows_are_in_the_order_of_the_pseudonyms(fleet: list[str], tmp_path: Path) -> None:
    settings = Settings(make_checklist(), as_of=AS_OF)
    audited(fleet, settings, tmp_path / "out", pseudonyms=PSEUDONYMS)
    expected = sorted(map(PSEUDONYMS.account, NUMBERS))
    assert expected != [PSEUDONYMS.account(number) for number in NUMBERS]
    for name in ("findings", "users", "credentials", "trend"):
        assert list(dict.fromkeys(table(tmp_path / "out", name)["account_id"])) == expected
    inputs = [entry["name"] for entry in EvidenceSet.at(str(tmp_path / "out")).manifest["inputs"]]
    assert inputs == sorted(inputs)


def test_any_batches_give_the_same(fleet: list[str], tmp_path: Path) -> None:
    settings = Settings(make_checklist(policy=parse_policy("p.toml", WILD.encode())), as_of=AS_OF)
    whole = audited(fleet, settings, tmp_path / "whole", pseudonyms=PSEUDONYMS)
    small = audited(fleet, settings, tmp_path / "small", pseudonyms=PSEUDONYMS, where=pipeline.Engine(batch=1))
    parts = pipeline.Engine("dask", batch=1, run=map)
    apart = audited(fleet, settings, tmp_path / "apart", pseudonyms=PSEUDONYMS, where=parts)
    pd.testing.assert_frame_equal(small, whole)
    pd.testing.assert_frame_equal(apart, whole)
    assert whole["waiver"].notna().any()


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_key_gives_the_same_bytes_and_another_one_other_names(fleet: list[str], tmp_path: Path) -> None:
    settings = Settings(make_checklist(), as_of=AS_OF)
    for folder, pseudonyms in (("a", PSEUDONYMS), ("b", Pseudonyms(KEY)), ("other", OTHER_PSEUDONYMS)):
        options: dict[str, Any] = {"formats": ["parquet", "excel", "ics"], "pseudonyms": pseudonyms}
        pipeline.audit(fleet, settings, str(tmp_path / folder), **options)
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    first, second = (table(tmp_path / folder, "findings") for folder in ("a", "other"))
    assert set(first["user"].dropna()) & set(second["user"].dropna()) == {ROOT_USER}
    assert not set(first["account_id"]) & set(second["account_id"])
    assert first["status"].value_counts().to_dict() == second["status"].value_counts().to_dict()


def test_a_report_that_the_look_took_for_another_one_is_corrected(tmp_path: Path) -> None:
    """Rows of a second account are further down than the first look reads."""
    many = [user(f"u{number}", account=NUMBERS[3]) for number in range(800)]
    write(tmp_path / "in/2026-10-31.csv", csv_of(*many, user("x", account=NUMBERS[0])))
    for account in (NUMBERS[1], NUMBERS[2], NUMBERS[4]):
        write(tmp_path / f"in/2026-10-31/{account}.csv", csv_of(user("y", account=account)))
    settings = Settings(make_checklist(), as_of=AS_OF)
    plain = audited([str(tmp_path / "in")], settings, tmp_path / "plain")
    hidden = audited([str(tmp_path / "in")], settings, tmp_path / "hidden", pseudonyms=PSEUDONYMS)
    assert rows(hidden) == translated(plain)
    # Reports are sorted by the smallest account in each, and the rows of a report by their lines.
    smallest = hidden.groupby("source", sort=False, observed=True)["account_id"].agg(
        lambda account_ids: min(map(str, account_ids))
    )
    assert smallest.tolist() == sorted(smallest)


# --- policies ---------------------------------------------------------------------------------------------------------

WILD = """\
[waivers.pattern]
user = "CI-*"
reason = "r"
owner = "o"
expires = 2027-01-31

[waivers.exact]
user = "Backup-Operator"
account = "111122223333"
reason = "r"
owner = "o"
expires = 2027-01-31
ticket = "T-1"
"""


@given(st.lists(st.sampled_from(["a", "B", "ab", "c-1", "C-1"]), min_size=1, unique_by=str.lower), st.data())
def test_waivers_cover_the_same(names: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names))
    at = data.draw(st.integers(0, len(name) - 1))
    pattern = data.draw(st.sampled_from([name, name.upper(), f"{name[:at]}*", f"{name[:at]}?{name[at + 1 :]}", "z*"]))
    more = 'credential = "password"\nreason = "r"\nowner = "o"\nexpires = 2027-01-31\n'
    policy = parse_policy("policy.toml", f'[waivers.w]\nuser = "{pattern}"\n{more}'.encode())
    with tempfile.TemporaryDirectory() as folder:
        users = [user(name, **password(changed="2025-01-01T00:00:00Z")) for name in names]
        path = write(Path(folder) / "2026-10-31.csv", csv_of(root(), *users))
        settings = Settings(make_checklist(policy=policy), as_of=AS_OF)
        plain = audited([path], settings, Path(folder) / "plain")
        hidden = audited([path], settings, Path(folder) / "hidden", pseudonyms=PSEUDONYMS)
    assert plain["waiver"].notna().any() == (pattern != "z*")
    assert rows(hidden) == translated(plain)


def test_a_policy_under_pseudonyms_means_the_same_without_its_texts() -> None:
    policy = parse_policy("folder/policy.toml", POLICY.encode())
    shown, matching = settings_under(PSEUDONYMS, Settings(make_checklist(policy=policy)))
    hidden = shown.checklist.policy
    assert hidden is not None
    assert hidden == parse_policy(hidden.name, hidden.text.encode())
    assert hidden.controls == policy.controls
    for waiver, hidden_waiver in zip(policy.waivers, hidden.waivers, strict=True):
        assert (hidden_waiver.expires, hidden_waiver.control, hidden_waiver.credential) == (
            waiver.expires,
            waiver.control,
            waiver.credential,
        )
        assert hidden_waiver.account == (waiver.account and PSEUDONYMS.account(waiver.account))
        assert hidden_waiver.line > 0
    assert [name for name, _ in matching.patterns] == [waiver.user for waiver in hidden.waivers if waiver.user][:2]
    assert Settings.of_facts(shown.facts) == shown


def test_a_framework_file_of_the_user_is_refused(tmp_path: Path) -> None:
    text = 'id = "own"\ntitle = "Jane\'s"\nversion = "1"\npublisher = "p"\n\n[[requirements]]\n'
    text += 'number = "1"\ntitle = "t"\ncontrols = ["root-mfa"]\n'
    path = tmp_path / "own.toml"
    path.write_text(text)
    settings = Settings(make_checklist(benchmark=[str(path)]))
    with pytest.raises(UsageError, match="framework file of your own"):
        pipeline.audit(["sample_reports"], settings, str(tmp_path / "out"), pseudonyms=PSEUDONYMS)


# --- histories and comparisons ----------------------------------------------------------------------------------------


def test_a_history_counts_the_same(fleet: list[str], tmp_path: Path) -> None:
    settings = Settings(make_checklist(), every_snapshot=True)
    plain = pipeline.history(fleet, settings, str(tmp_path / "a"), formats=[]).summary
    hidden = pipeline.history(fleet, settings, str(tmp_path / "b"), formats=[], pseudonyms=PSEUDONYMS).summary
    assert hidden.measures == plain.measures
    assert hidden.trend.equals(plain.trend)
    assert list(hidden.lifetimes["account_id"].unique()) == sorted(map(PSEUDONYMS.account, NUMBERS))


def test_a_comparison_counts_the_same(fleet: list[str], tmp_path: Path) -> None:
    sides = [f"{fleet[0]}/2026-09-30"], [f"{fleet[0]}/2026-10-31"]
    settings = Settings(make_checklist())
    plain = pipeline.compare(*sides, settings, str(tmp_path / "a"), formats=[]).summary
    hidden = pipeline.compare(*sides, settings, str(tmp_path / "b"), formats=[], pseudonyms=PSEUDONYMS).summary
    assert hidden.counts == plain.counts
    assert plain.counts["new_failure"]
    assert hidden.accounts == tuple(sorted(map(PSEUDONYMS.account, NUMBERS)))


def test_a_report_that_lacks_users_shows_nobody_as_gone(tmp_path: Path) -> None:
    """What the survey notes about a report under its name holds under its pseudonym."""
    users = [user(name, **password(changed="2020-01-01T00:00:00Z")) for name in ("a-user", "b-user", "c-user")]
    write(tmp_path / "in/2026-09-30/111122223333.csv", csv_of(root(), *users))
    write(tmp_path / "in/2026-10-31/111122223333.csv", csv_of(root(), *users[:2])[:-20])
    settings = Settings(make_checklist(), every_snapshot=True)
    paths = [str(tmp_path / "in")]
    plain = pipeline.history(paths, settings, str(tmp_path / "a"), formats=[]).summary
    hidden = pipeline.history(paths, settings, str(tmp_path / "b"), formats=[], pseudonyms=PSEUDONYMS).summary
    assert hidden.measures == plain.measures


def test_stores_and_sets_get_no_pseudonyms_afterwards(fleet: list[str], tmp_path: Path) -> None:
    settings = Settings(make_checklist())
    with pytest.raises(UsageError, match="works only when reports are read"):
        pipeline.history([], settings, str(tmp_path / "out"), store=tmp_path / "store", pseudonyms=PSEUDONYMS)
    for day in ("2026-09-30", "2026-10-31"):
        audited([f"{fleet[0]}/{day}"], settings, tmp_path / day)
    sets = [str(tmp_path / "2026-09-30")], [str(tmp_path / "2026-10-31")]
    with pytest.raises(UsageError, match="works only when reports are read"):
        pipeline.compare(*sets, settings, str(tmp_path / "out"), pseudonyms=PSEUDONYMS)


def test_sets_are_compared_only_under_the_same_pseudonyms(fleet: list[str], tmp_path: Path) -> None:
    settings = Settings(make_checklist())
    old, new = f"{fleet[0]}/2026-09-30", f"{fleet[0]}/2026-10-31"
    for name, path, pseudonyms in (
        ("a", old, PSEUDONYMS),
        ("b", new, PSEUDONYMS),
        ("c", new, OTHER_PSEUDONYMS),
        ("d", new, None),
    ):
        audited([path], settings, tmp_path / name, pseudonyms=pseudonyms)

    def compared(new_set: str, checklist: Any = None, **options: Any) -> Any:  # noqa: ANN401
        chosen = Settings(checklist or make_checklist())
        sides = [str(tmp_path / "a")], [str(tmp_path / new_set)]
        return pipeline.compare(*sides, chosen, str(tmp_path / "out"), formats=[], **options).summary

    comparison = compared("b")
    assert comparison.settings.pseudonyms == PSEUDONYMS.fingerprint
    expected = pipeline.compare([old], [new], settings, str(tmp_path / "out"), formats=[]).summary
    assert comparison.counts == expected.counts
    for name in ("c", "d"):
        with pytest.raises(InputError, match="name the same users differently"):
            compared(name)
    exact = make_checklist(policy=parse_policy("p.toml", WILD.partition("\n\n")[2].encode()))
    with pytest.raises(UsageError, match="names would appear next to the pseudonyms"):
        compared("b", exact)
    assert compared("b", exact, pseudonyms=PSEUDONYMS).events["waiver"].notna().any()
    with pytest.raises(UsageError, match=r"\* or \?"):
        compared("b", make_checklist(policy=parse_policy("p.toml", WILD.encode())), pseudonyms=PSEUDONYMS)
