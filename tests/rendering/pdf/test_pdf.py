"""summary.pdf: a title, a language and tags, at most four pages, and texts that do not act as markup."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from analyzer.evidence.opening import Figure
from analyzer.evidence.seal import seal
from analyzer.rendering.pdf.content import Part, PdfContent
from analyzer.rendering.pdf.report import pdf_of
from tests.cli.running import run
from tests.rendering.pdf.reading import root_of, text_of
from tests.reports import csv_of, key, root, user, write
from tests.test_numbers_agree import all_passing, fleet, monthly

if TYPE_CHECKING:
    from collections.abc import Callable

REASON = f"accepted {'until the old system is replaced ' * 5}by the new one"
HARMFUL = '#panic("x") *b* _i_ $1$ @a <a> \\ `c` // //* "'


@pytest.mark.parametrize("make", [all_passing, fleet, monthly])
@pytest.mark.parametrize("more_options", [[], ["--benchmark", "cis-7.0"]], ids=["", "cis"])
def test_the_pdf_has_a_title_a_language_tags_and_few_pages(
    make: Callable[[Path], None], more_options: list[str], tmp_path: Path
) -> None:
    make(tmp_path)
    snapshots = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    options = ["--accounts", "accounts.csv", "--format", "pdf", "-o", "out", *more_options]
    done = run("audit", *snapshots, *options, cwd=tmp_path)
    assert "summary.pdf" in done.stdout
    path = tmp_path / "out/summary.pdf"
    about, metadata = root_of(path), PdfReader(path).metadata
    assert (about["/Lang"], about["/MarkInfo"]["/Marked"]) == ("en", True)
    assert about["/ViewerPreferences"]["/DisplayDocTitle"] == True  # noqa: E712 - a value of pypdf
    assert metadata is not None
    assert metadata.title == "Credential report audit"
    # Nobody gave a date, and equal runs give equal bytes.
    assert metadata.creation_date is None
    assert 1 <= len(PdfReader(path).pages) <= 3

    text = text_of(path)
    digest = json.loads((tmp_path / "out/manifest.json").read_text())["digest"]
    for phrase in ("Completeness", "What was judged", "Limits", "Inputs", digest):
        assert phrase in text
    assert ("What to do first" in text) == (done.returncode != 0)
    assert ("Changes since the snapshots before" in text) == (make is monthly)
    assert ("INCOMPLETE: 2 of 62 accounts are missing" in text) == (make is fleet)


@pytest.mark.parametrize("lists", [[], ["--leavers", "leavers.csv"]], ids=["", "leavers"])
def test_the_pdf_of_the_sample_reports_has_three_pages(lists: list[str], tmp_path: Path) -> None:
    # The length depends on the paths of the reports, so they are given as in the README.
    (tmp_path / "sample_reports").symlink_to(Path(__file__).parents[3] / "sample_reports")
    write(tmp_path / "leavers.csv", "email,last_day\nann@example.com,2026-10-01\nvendor-access,2026-10-01\n")
    run("audit", "sample_reports", "--exit-zero", "--format", "pdf", "-o", "out", *lists, cwd=tmp_path)
    assert len(PdfReader(tmp_path / "out/summary.pdf").pages) == 3


def test_the_pdf_names_the_most_severe_failures_first(tmp_path: Path) -> None:
    report = csv_of(
        root(mfa_active="false", password_enabled="true"), user("old-key", **key(rotated="2020-01-01T00:00:00Z"))
    )
    write(tmp_path / "2026-10-31/111122223333.csv", report)
    run("audit", "2026-10-31", "--format", "pdf", "-o", "out", cwd=tmp_path)
    text = text_of(tmp_path / "out/summary.pdf").partition("The most severe failures")[2]
    assert 0 < text.index("<root_account>") < text.index("old-key")
    digest = json.loads((tmp_path / "out/manifest.json").read_text())["inputs"][0]["sha256"]
    assert digest in text


def test_the_pdf_names_criteria_controls_chosen_and_the_accounts_of_each_input(tmp_path: Path) -> None:
    accounts = [str(111122223333 + at) for at in range(5)]
    write(tmp_path / "2026-10-31/one.csv", "\n".join(csv_of(root(account, mfa_active="true")) for account in accounts))
    write(tmp_path / "2026-10-31/two.csv", csv_of(root("999988887777", mfa_active="false", password_enabled="true")))
    run("audit", "2026-10-31", "--format", "pdf", "-o", "out", cwd=tmp_path)
    text = text_of(tmp_path / "out/summary.pdf")
    assert "controls chosen: unused-credentials" in text
    assert "benchmark: none chosen (numbers shown: CIS 7.0)" in text
    first, _, rest = text.partition("Controls: number of checks by result")
    assert "severity control CIS 7.0 failures" in first
    assert "critical root-mfa 2.5 1 999988887777" in first
    assert "critical root-mfa 2.5 MFA is enabled for root 1 0 0 5" in rest
    assert "low password-rotation - Console" in rest
    inputs = " ".join(rest.partition("role, account")[2].split())
    assert f"{', '.join(accounts[:3])} and 2 more" in inputs
    assert "999988887777" in inputs


def test_waived_failures_are_plain_in_the_figures_and_in_what_to_do_first(tmp_path: Path) -> None:
    old = key(rotated="2020-01-01T00:00:00Z")
    users = [user(name, **old) for name in ("ann", "bob", "robot")]
    write(tmp_path / "2026-10-31/111122223333.csv", csv_of(root(mfa_active="true"), *users))
    waiver = 'control = "unused-credentials"\nreason = "r"\nowner = "o"\nexpires = 2027-01-31\n'
    write(tmp_path / "credreport.toml", f'[waivers.w]\nuser = "robot"\n{waiver}')
    run("audit", "2026-10-31", "--format", "pdf,html", "-o", "out", cwd=tmp_path)
    text, page = text_of(tmp_path / "out/summary.pdf"), (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "3 unused credentials (1 waived)" in " ".join(text.split())
    assert "unused credentials (1 waived)" in page
    assert "(medium): 2 open failures in 111122223333" in page
    assert all("waived (of fail and not checked)" in " ".join(output.split()) for output in (text, page))


def test_waived_failures_and_undecided_checks_are_listed(tmp_path: Path) -> None:
    covered = {f"user-with-a-long-name-{number}" for number in range(3)}
    old = key(rotated="2020-01-01T00:00:00Z")
    unknown = key(rotated="", used="")
    users = [
        *(user(name, user_creation_time="2019-01-01T00:00:00Z", **old) for name in sorted(covered)),
        user("open", **old),
    ]
    users += [user(f"unknown-{number}", user_creation_time="2019-01-01T00:00:00Z", **unknown) for number in range(30)]
    write(tmp_path / "2026-10-31/111122223333.csv", csv_of(root(mfa_active="true"), *users))
    write(
        tmp_path / "credreport.toml",
        '[waivers.a-rather-long-name-of-a-waiver]\naccount = "111122223333"\nuser = "user-with-a-long-name-*"\n'
        f'control = "unused-credentials"\nreason = "{REASON}"\nowner = "platform-engineering-team@example.com"\n'
        'ticket = "SECURITY-EXCEPTIONS-2026-0042"\nexpires = 2027-01-31\n',
    )
    options = ("--benchmark", "cis-7.0", "--format", "pdf,parquet,excel", "-o", "out")
    run("audit", "2026-10-31", *options, cwd=tmp_path)
    text = text_of(tmp_path / "out/summary.pdf")
    table = text.partition("Waivers: accepted or recorded until a date")[2].replace(" ", "")
    whole = (
        "a-rather-long-name-of-a-waiver",
        "account 111122223333, user user-with-a-long-name-*, control unused-credentials",
    )
    for value in (*whole, REASON, "platform-engineering-team@example.com", "SECURITY-EXCEPTIONS-2026-0042"):
        assert value.replace(" ", "") in table
    listed = text.partition("Unused credentials account")[2].partition("Could not be decided")[0]
    assert listed.count("waived: ") == len(covered)
    undecided = text.partition("Could not be decided")[2].partition("Requirements")[0]
    assert undecided.count("unknown-") == 25
    assert "Request a new credential report" in undecided
    assert " 35 further checks could not be decided" in undecided
    book = openpyxl.load_workbook(tmp_path / "out/workbook.xlsx")
    note = "60 checks that could not be decided (sheet Findings; filter status = not_checked, without reason = manual)."
    assert book["Exceptions noted"]["A2"].value.endswith(f" Not on this sheet: {note}")
    assert f"Not among the exceptions noted: {note}" in [row[0].value for row in book["Summary"].iter_rows()]


@pytest.mark.parametrize("command", ["history", "compare"])
def test_histories_and_comparisons_have_a_pdf_too(command: str, tmp_path: Path) -> None:
    monthly(tmp_path)
    snapshots = [f"2026-{month:02}-28" for month in range(1, 13)]
    chosen = snapshots if command == "history" else [snapshots[0], snapshots[-1]]
    done = run(command, *chosen, "--format", "parquet,pdf", "-o", "out", cwd=tmp_path)
    text = text_of(tmp_path / "out/summary.pdf")
    for line in done.stdout.splitlines():
        if line.startswith(("Exit code", "Evidence", "Open")):
            continue
        if line and not line.startswith(" ") and line.endswith("."):
            assert line in text
    facts = json.loads(run(command, *chosen, "--format", "parquet", "-o", "json", "--json", cwd=tmp_path).stdout)
    if command == "history":
        every = facts["measures"]
        assert f"{sum(measure['open'] for measure in every)} failures open" in text
        assert f"{sum(measure['closed'] for measure in every)} closed" in text
    else:
        assert f"{facts['events']['new_failure']} new failures" in text
        assert f"{facts['events']['still_failing']} still failing" in text


def test_names_can_be_searched_and_copied(tmp_path: Path) -> None:
    """Words that readers search contain no invisible places to break a line."""
    monthly(tmp_path)
    snapshots = [f"2026-{month:02}-28" for month in range(1, 13)]
    run("audit", *snapshots, "--format", "pdf", "-o", "out", cwd=tmp_path)
    run("history", *snapshots, "--format", "pdf", "-o", "history", cwd=tmp_path)
    for folder in ("out", "history"):
        pages = PdfReader(tmp_path / folder / "summary.pdf").pages
        assert not any("\N{ZERO WIDTH SPACE}" in page.extract_text() for page in pages)


def test_names_from_reports_do_not_act_as_markup(tmp_path: Path) -> None:
    report = csv_of(root(), user(HARMFUL, **key(rotated="2020-01-01T00:00:00Z")))
    write(tmp_path / "2026-10-31/#panic().csv", report)
    write(tmp_path / "accounts.csv", "account,name,owner\n111122223333,#panic(),*b*\n")
    run("audit", "2026-10-31", "--accounts", "accounts.csv", "--format", "pdf", "-o", "out", cwd=tmp_path)
    text = text_of(tmp_path / "out/summary.pdf")
    for name in (HARMFUL, "2026-10-31/#panic().csv", "#panic(), *b*"):
        assert name in text


TEXTS = st.text(max_size=200) | st.text("ab", min_size=4000, max_size=5000)


@settings(max_examples=60)
@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=3))
def test_no_text_stops_the_pdf_and_plain_texts_are_in_it_whole(title: str, cell: str, texts: list[str]) -> None:
    """A PDF for screen readers must have a title; Typst refuses characters that a font lacks."""
    part = Part(f"P{title}", ("name", "count"), [[cell, 1]], (1, 0), texts)
    content = PdfContent(f"T{title}", title, cell, title, texts, [Figure("a", "1", cell, is_bad=True)], [part])
    pdf = pdf_of(content, "0" * 64)
    assert pdf == pdf_of(content, "0" * 64)
    text = text_of(io.BytesIO(pdf)).replace(" ", "")
    for content_text in (title, cell, *texts):
        if content_text.isascii() and content_text.isprintable():
            assert content_text.replace(" ", "") in text or len(content_text) > 200


def test_each_judged_input_has_its_capture_time_and_its_role(tmp_path: Path) -> None:
    for day in ("2026-08-31", "2026-09-30", "2026-10-31", "2026-11-30"):
        write(tmp_path / f"in/{day}/111122223333.csv", csv_of(root(), user("anna", **key())))
    write(tmp_path / "in/status_reports_2026-10-01T10-00-00+00-00.csv", csv_of(root("123456789012")))
    options = ("--as-of", "2026-10-31", "--format", "pdf", "-o", "out")
    run("audit", "in", *options, cwd=tmp_path)
    text = text_of(tmp_path / "out/summary.pdf").partition("Inputs name and SHA-256")[2]
    digests = {row["name"]: row["sha256"] for row in json.loads((tmp_path / "out/manifest.json").read_text())["inputs"]}
    for day, role in {"2026-09-30": "older: read for the trend", "2026-10-31": "judged"}.items():
        name = f"in/{day}/111122223333.csv"
        assert f"{name} {digests[name]} the end of {day}, UTC folder name {role}" in text
    # Reports that were not judged are counted, so that the list stays short.
    assert "in/2026-08-31" not in text
    assert "in/2026-11-30" not in text
    assert "Read, but not judged: 1 (older snapshot), 1 (newer than the reference date)." in text
    assert "2026-10-01T10:00:00Z file name judged" in text


@pytest.mark.parametrize("count", [30, 31])
def test_a_long_list_of_inputs_is_in_the_manifest(count: int, tmp_path: Path) -> None:
    for number in range(count):
        write(tmp_path / f"in/2026-10-31/{111122223333 + number}.csv", csv_of(root(str(111122223333 + number))))
    run("audit", "in", "--format", "pdf", "-o", "out", cwd=tmp_path)
    text = text_of(tmp_path / "out/summary.pdf")
    assert ("31 inputs were read, too many for this list. manifest.json has" in text) == (count == 31)
    assert text.count(" folder name judged") == (30 if count == 30 else 0)


def test_a_comparison_names_its_dates_and_lists_what_was_fixed(tmp_path: Path) -> None:
    old, new = (key(rotated="2020-01-01T00:00:00Z", active=active) for active in ("true", "false"))
    fixed = [f"fixed-{number:02}" for number in range(25)]
    before = csv_of(root(mfa_active="false", password_enabled="true"), *(user(name, **old) for name in fixed))
    after = csv_of(root(mfa_active="true"), *(user(name, **new) for name in fixed), user("fresh", **old))
    write(tmp_path / "2026-09-30/111122223333.csv", before)
    write(tmp_path / "2026-10-31/111122223333.csv", after)
    write(
        tmp_path / "credreport.toml",
        '[waivers.w]\nuser = "fresh"\ncontrol = "access-key-rotation"\nreason = "r"\nowner = "o"\n'
        "expires = 2027-01-31\n",
    )
    options = ("--control", "root-mfa,access-key-rotation", "--format", "pdf,html", "-o", "out")
    run("compare", "2026-09-30", "2026-10-31", *options, cwd=tmp_path)
    text = text_of(tmp_path / "out/summary.pdf")
    dates = "Older snapshot: captured 2026-09-30. Newer snapshot: captured 2026-10-31."
    assert f"What changed between two snapshots {dates}" in text
    assert dates in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    new_part, _, fixed_part = text.partition("Fixed failures")
    assert "critical" not in new_part.partition("New failures")[2]
    assert "access-key-rotation 111122223333 fresh access_key_1 new failure waived: created 2020-01-01" in new_part
    worst = fixed_part.index("critical root-mfa 111122223333 <root_account> - MFA enabled")
    assert worst < fixed_part.index("fixed-00")
    row = "access-key-rotation 111122223333 fixed-00 access_key_1 deactivated or removed created 2020-01-01"
    assert row in fixed_part
    assert fixed_part.count("access-key-rotation") == 19
    assert "6 further failures are in events.parquet and the workbook." in fixed_part


def test_an_older_comparison_without_dates_is_shown_without_them(tmp_path: Path) -> None:
    for day in ("2026-09-30", "2026-10-31"):
        write(tmp_path / f"{day}.csv", csv_of(root(mfa_active="true"), user("anna")))
    run("compare", "2026-09-30.csv", "2026-10-31.csv", "--format", "parquet", "-o", "out", cwd=tmp_path)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    for name in ("captured", "digest"):
        del manifest[name]
    (tmp_path / "out/manifest.json").write_bytes(seal(manifest))
    run("render", "out", "--format", "pdf", cwd=tmp_path)
    text = text_of(tmp_path / "out/summary.pdf")
    assert "What changed between two snapshots 0 new failures; 0 fixed." in text
    assert "New failures No new failures. Fixed failures No fixed failures." in text
