"""Lists of accounts: the JSON of AWS Organizations and CSV in the ways people write it, and files that are refused."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import AccountsError
from analyzer.survey.organization import ListedAccount, parse_organization, read_organization

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNTS = st.lists(
    st.fixed_dictionaries(
        {
            "Id": st.from_regex(r"[0-9]{12}", fullmatch=True),
            "Name": st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=20),
            "State": st.sampled_from(["ACTIVE", "SUSPENDED", "CLOSED", "PENDING_CLOSURE"]),
        }
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda account: account["Id"],
)


def expected(accounts: list[dict[str, Any]]) -> list[ListedAccount]:
    return [ListedAccount(account["Id"], name=account["Name"], state=account["State"]) for account in accounts]


@given(ACCOUNTS, st.integers(1, 4), st.sampled_from(["one after the other", "list of pages", "list", "lines"]))
def test_pages_are_read_in_every_form(accounts: list[dict[str, Any]], size: int, form: str) -> None:
    pages = [{"Accounts": accounts[at : at + size]} for at in range(0, len(accounts), size)]
    if form == "one after the other":
        text = "".join(json.dumps(page, indent=4) for page in pages)
    elif form == "list of pages":
        text = json.dumps(pages)
    elif form == "list":
        text = json.dumps(accounts)
    else:
        text = "\n".join(json.dumps(account) for account in accounts)
    organization = parse_organization("accounts.json", f"\ufeff{text}\n".encode())
    assert list(organization.accounts) == expected(accounts)


@given(
    ACCOUNTS,
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(
        [("account", "name", "status"), ("Account ID", "Account name", "State"), ("id", "NAME", "Status ")]
    ),
)
def test_a_csv_is_read_in_every_form(accounts: list[dict[str, Any]], delimiter: str, header: tuple[str, ...]) -> None:
    out = io.StringIO(newline="")
    rows = csv.writer(out, delimiter=delimiter)
    rows.writerow(header)
    rows.writerows([account["Id"], account["Name"], account["State"].replace("_", " ").lower()] for account in accounts)
    organization = parse_organization("accounts.csv", out.getvalue().encode())
    assert list(organization.accounts) == expected(accounts)


def test_status_counts_where_there_is_no_state() -> None:
    old, new = (
        {"Id": "111122223333", "Status": "SUSPENDED"},
        {"Id": "444455556666", "State": "ACTIVE", "Status": "CLOSED"},
    )
    text = json.dumps({"Accounts": [old, new]})
    assert [account.state for account in parse_organization("a.json", text.encode()).accounts] == [
        "SUSPENDED",
        "ACTIVE",
    ]


def test_all_columns_of_a_csv_are_kept() -> None:
    text = "account,name,e-mail,owner,OU,environment,status\n1111-2222-3333,shop,a@b.c,team,/root/eu,prod,active\n\n"
    assert parse_organization("a.csv", text.encode()).accounts == (
        ListedAccount("111122223333", "shop", "a@b.c", "team", "/root/eu", "prod", "ACTIVE"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,owner\nshop,team\n", "a.csv:1: no column with account numbers; the columns are name, owner"),
        ("account\n11122223333\n", "a.csv:2: not an AWS account number: '11122223333'"),
        (
            "account,name\n111122223333,a\n111122223333,b\n",
            "a.csv:3: account 111122223333 is listed with other details in line 2",
        ),
        ("account\n\n", "a.csv: the list contains no account"),
        ("", "a.csv:1: no column with account numbers; the columns are (none)"),
        ('{"Accounts": [', "a.csv:1: not valid JSON: "),
        ('{"Users": []}', 'a.csv:1: not a list of accounts: there is no "Accounts"'),
        ('{"Accounts": [{"Id": 111122223333}]}', "a.csv:1 (account 1 of the page) Id: not a text: 111122223333"),
        ('{"Accounts": []}', "a.csv: the list contains no account"),
        ('account\n"1111', "a.csv:2: not valid CSV: "),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(AccountsError) as caught:
        parse_organization("a.csv", text.encode())
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AccountsError, match="cannot read"):
        read_organization(tmp_path / "none.csv")
    with pytest.raises(AccountsError, match="not UTF-8"):
        parse_organization("a.csv", b"account\n\xff")
