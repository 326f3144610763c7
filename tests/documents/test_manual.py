"""The manual: every example runs, every output is what the program prints, every option is explained."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd
import pytest
import typer

from analyzer.cli.main import app
from analyzer.controls.checklist import make_checklist
from analyzer.controls.policy import read_policy
from analyzer.evidence.schema import COVERAGE, EVENTS, LIFETIMES, MEASURES, TALLIES, TREND
from analyzer.rendering import manual
from tests.documents.generated import REGIONS, commands
from tests.documents.pages import CONSOLE, DOCUMENTS, MANUAL, README, REGION, ROOT, anchor, consoles, examples, text_of
from tests.documents.printing import evidence, printed

HELPS = {command for command in consoles() if command.endswith("--help")}
"""They are in a generated region, and tested with it."""


def test_each_topic_has_its_page() -> None:
    topics = {path.stem for path in (ROOT / "analyzer" / "manual").glob("*.md")}
    assert topics == set(manual.TOPICS)


@pytest.mark.parametrize("command", sorted(set(consoles()) - HELPS))
def test_documents_show_what_the_program_prints(command: str) -> None:
    assert printed(command) == consoles()[command]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_generated_regions_are_those_of_the_program(name: str) -> None:
    for region in REGION.finditer(text_of(name)):
        assert region["text"] == REGIONS[region["name"]](), region["name"]


def test_no_line_of_help_is_cut() -> None:
    for command in [*sorted(HELPS), "credreport --help"]:
        for line in printed(command).splitlines():
            assert len(line) <= 120
            cut = line.rstrip().endswith(("...", "\N{HORIZONTAL ELLIPSIS}"))
            assert not cut or line.startswith("Usage: "), line


def _parameters() -> list[tuple[str, str]]:
    """Return each command with each of its options."""
    group = typer.main.get_command(app)
    every = group.commands if hasattr(group, "commands") else {}
    return sorted(
        (name, option)
        for name, command in every.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    )


def test_every_command_and_option_is_in_the_list_of_commands() -> None:
    for command, option in _parameters():
        assert option in consoles()[f"credreport {command} --help"]


@pytest.mark.parametrize("option", sorted({option for _, option in _parameters()}))
def test_every_option_is_explained_outside_the_list_of_commands(option: str) -> None:
    pages = [CONSOLE.sub(lambda block: block["command"], text_of(name)) for name in MANUAL if name != "commands"]
    assert any(re.search(rf"{option}(?![\w-])", page) for page in pages)


@pytest.mark.parametrize("command", commands())
def test_every_command_is_explained_outside_the_list_of_commands(command: str) -> None:
    pages = [text_of(name) for name in DOCUMENTS if name != "commands"]
    assert any(f"credreport {command}" in page for page in pages)


TIME_ZONE: Final = "SET TimeZone"
"""How the first example begins, which has no rows."""
QUERIES: Final = [query for query in examples("sql") if not query.startswith(TIME_ZONE)]


def _rows(query: str, *, by_the_manual: bool = True) -> list[tuple[object, ...]]:
    """Return what a query finds in the evidence and the store of the samples, on a computer in another time zone.

    The first line of the page is run before, unless it is left out (`by_the_manual`).
    """
    before = Path.cwd()
    os.chdir(evidence().name)
    try:
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'Pacific/Auckland'")
            if by_the_manual:
                connection.execute(examples("sql")[0])
            return connection.execute(query).fetchall()
    finally:
        os.chdir(before)


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_finds_rows(query: str) -> None:
    rows = _rows(query)
    # The page says which query finds nothing in the samples.
    is_empty = f"so the result is empty):\n\n```sql\n{query}" in text_of("sql")
    assert bool(rows) != is_empty


def test_the_page_on_sql_begins_with_the_time_zone_because_days_depend_on_it() -> None:
    assert examples("sql")[0].startswith(TIME_ZONE)
    differing = [query for query in QUERIES if _rows(query) != _rows(query, by_the_manual=False)]
    assert any("::DATE" in query for query in differing)


def test_queries_select_what_the_text_before_them_says() -> None:
    """The page once promised critical and high failures, and its query selected medium ones as well."""
    queries = [query for query in QUERIES if "'critical'" in query]
    assert len(queries) == 2
    for query in queries:
        assert "'medium'" not in query
        assert "LIMIT" not in query
        severities = {"critical", "high"} & {str(cell) for row in _rows(query) for cell in row}
        assert severities or "so the result is empty" in text_of("sql")


def test_every_finding_is_counted() -> None:
    (query,) = [query for query in examples("sql") if "all_counted" in query]
    assert _rows(query) == [(True,)]


def test_the_examples_in_python_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample_reports").symlink_to(ROOT / "sample_reports")
    monkeypatch.chdir(tmp_path)
    (example,) = examples("pycon")
    tried = doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(example, {}, "python.md", None, None))
    assert tried.attempted > 5
    assert not tried.failed


def test_the_example_with_pandas_finds_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = examples("python")
    monkeypatch.chdir(evidence().name)
    *steps, last = example.strip().splitlines()
    namespace: dict[str, object] = {}
    exec("\n".join(steps), namespace)  # noqa: S102 - the manual's own example
    result = eval(last, namespace)  # noqa: S307
    assert isinstance(result, pd.Series)
    assert result.sum() > 0


def test_the_policy_can_be_used(tmp_path: Path) -> None:
    lists_of_waivers = []
    for policy in examples("toml", "policy"):
        (tmp_path / "policy.toml").write_text(policy, encoding="utf-8")
        read = read_policy(tmp_path / "policy.toml")
        lists_of_waivers.append((len(read.waivers), make_checklist(policy=read).left_out))
    assert lists_of_waivers == [(1, ("password-rotation",)), (1, ())]


def test_the_framework_can_be_used(tmp_path: Path) -> None:
    (framework,) = examples("toml", "frameworks")
    (tmp_path / "our-baseline.toml").write_text(framework, encoding="utf-8")
    (check,) = make_checklist(benchmark=str(tmp_path / "our-baseline.toml")).checks
    assert (check.requirement, check.limit_days) == ("A.1", 30)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    path = DOCUMENTS[name]
    for target, part in re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", text_of(name)):
        linked = path if not target else path.parent / target
        assert linked.exists(), target
        if part:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert part in map(anchor, headings), part


def test_commands_in_examples_have_only_known_options() -> None:
    known_options = {option for _, option in _parameters()} | {"--help", "--install-completion"}
    for name in DOCUMENTS:
        for block in examples("sh", name):
            for line in block.replace("\\\n", " ").splitlines():
                if re.match(r"(?:.*\| )?credreport ", line):
                    used = set(re.findall(r" (--[a-z][\w-]*)", line.partition("#")[0]))
                    assert used <= known_options, line


@pytest.mark.parametrize("topic", manual.TOPICS)
def test_the_command_prints_each_topic(topic: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "analyzer", "manual", topic], capture_output=True, check=True, encoding="utf-8"
    )
    assert run.stdout == text_of(topic)
    assert not run.stderr


def test_an_unknown_topic_is_an_error_with_the_nearest_one() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "analyzer", "manual", "judgin"], capture_output=True, check=False, encoding="utf-8"
    )
    assert run.returncode == 2
    assert "did you mean 'judging'?" in run.stderr


def test_the_page_on_histories_names_all_columns_of_their_tables() -> None:
    text = text_of("history")
    schemas = {"lifetimes": LIFETIMES, "measures": MEASURES, "trend": TREND, "coverage": COVERAGE, "events": EVENTS}
    for name, schema in schemas.items():
        rows = re.findall(r"^\| (.*?) \|", text.partition(f"\n`{name}.parquet`")[2].split("\n\n")[1], re.MULTILINE)
        assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(schema.names), name
    rows = re.findall(
        r"^\| (`.*?) \|", text_of("sql").partition("`tallies.parquet` has")[2].split("\n\n")[1], re.MULTILINE
    )
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(TALLIES.names)


def test_sections_paragraphs_and_tables_are_plain_text() -> None:
    paragraphs = manual.paragraphs("judging", "Every control")
    assert len(paragraphs) == 3
    rows = manual.table("judging", "Evidence for unused credentials")
    assert {len(row) for row in rows} == {4}
    assert rows[0][-1] == "reason"
    terms = manual.terms()
    assert ["pass", "The report shows that the control is met."] in terms
    for text in [*paragraphs, *(cell for row in [*rows, *terms] for cell in row)]:
        assert not re.search(r"`|\*\*|\]\(", text), text


def test_an_unknown_section_is_an_error() -> None:
    with pytest.raises(KeyError):
        manual.paragraphs("judging", "no such section")
    with pytest.raises(KeyError):
        manual.page("no-such-topic")


def test_each_term_occurs_once() -> None:
    terms = [term for term, _ in manual.terms()]
    assert len(set(terms)) == len(terms)
    assert {"check", "failure", "not checked", "manual check", "waiver", "exception noted", "population"} <= set(terms)


def test_readme_and_manual_end_with_a_line() -> None:
    assert all(path.read_text(encoding="utf-8").endswith("\n") for path in (README, *MANUAL.values()))
