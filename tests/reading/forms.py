"""A small report in each form in which it may be kept, as the programs write it."""

from __future__ import annotations

import base64
import csv
import io
import json
import tarfile
import zipfile
from typing import Any, Literal

import xlsxwriter

from tests.reports import COLUMNS_22, csv_of, key, password, root, user

GENERATED = "2026-10-31T08:00:00Z"
OTHER_ACCOUNT = "444455556666"
ROWS = (
    root(),
    user("anna", **key(rotated="2026-10-01T08:00:00Z", used="2026-10-30T08:00:00Z")),
    user("ben", **password(changed="2026-01-01T00:00:00Z")),
)
REPORT = csv_of(*ROWS)
SECOND = csv_of(root(OTHER_ACCOUNT), user("carla", account=OTHER_ACCOUNT))
BASE64 = base64.b64encode(REPORT.encode()).decode()
SECOND_BASE64 = base64.b64encode(SECOND.encode()).decode()
LINES = REPORT.split("\n")
DICTS = [dict(zip(COLUMNS_22, row, strict=True)) for row in list(csv.reader(LINES))[1:]]
NAMES = ["<root_account>", "anna", "ben"]


def envelope(content: object = BASE64, **more: object) -> str:
    return json.dumps({"Content": content, "ReportFormat": "text/csv", "GeneratedTime": GENERATED, **more})


def wrapped_lines(text: str, width: int) -> str:
    return "\n".join(text[start : start + width] for start in range(0, len(text), width))


def drawn_table(rule: str, edge: str) -> str:
    rows = [edge + " | ".join(line.split(",")) + edge for line in LINES]
    return "\n".join([rows[0], rule, *rows[1:]])


def html() -> str:
    cells = "".join(
        "<tr>" + "".join(f"<td>{cell.replace('<', '&lt;')}</td>" for cell in line.split(",")) + "</tr>"
        for line in LINES
    )
    return f"<html><body><table>{cells}</table></body></html>"


def xml(content: str = BASE64) -> str:
    return (
        '<GetCredentialReportResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetCredentialReportResult>'
        f"<Content>{content}</Content><ReportFormat>text/csv</ReportFormat><GeneratedTime>{GENERATED}</GeneratedTime>"
        "</GetCredentialReportResult></GetCredentialReportResponse>"
    )


def tarred(mode: Literal["w", "w:gz"], members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def workbook(*rows: list[Any]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "remove_timezone": True}) as book:
        sheet = book.add_worksheet("Report")
        date = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(number, column, cell)
                else:
                    sheet.write_datetime(number, column, cell, date)
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


READ: dict[str, str | bytes] = {
    "csv": REPORT,
    "list of mappings": json.dumps(DICTS),
    "JSON lines of mappings": "\n".join(map(json.dumps, DICTS)),
    "list of lists of mappings": json.dumps([DICTS]),
    "list of lists": json.dumps([line.split(",") for line in LINES]),
    "mapping of lists by account": json.dumps({"111122223333": DICTS}),
    "array of text lines": json.dumps(LINES),
    "camelCase": json.dumps({"content": BASE64, "generatedTime": GENERATED}),
    "snake_case": json.dumps({"content": BASE64, "generated_time": GENERATED, "report_format": "text/csv"}),
    "envelope in a response": json.dumps({"account_id": "111122223333", "response": {"Content": BASE64}}),
    "envelope in data": json.dumps({"status_code": 200, "data": json.loads(envelope())}),
    "answer of a function": json.dumps({"statusCode": 200, "body": envelope()}),
    "columns and data": json.dumps({"columns": list(COLUMNS_22), "data": [line.split(",") for line in LINES[1:]]}),
    "base64 by account": json.dumps({"111122223333": BASE64}),
    "ResponseMetadata beside it": envelope(ResponseMetadata={"HTTPStatusCode": 200}),
    "Content as CSV": envelope(REPORT),
    "Content as a bytes literal": envelope(repr(REPORT.encode())),
    "base64 twice": envelope(base64.b64encode(BASE64.encode()).decode()),
    "byte numbers": envelope(list(REPORT.encode())),
    "Buffer": envelope({"type": "Buffer", "data": list(REPORT.encode())}),
    "Uint8Array": json.dumps({"Content": {str(n): byte for n, byte in enumerate(REPORT.encode())}, "$metadata": {}}),
    "Go v2": envelope(ResultMetadata={}),
    "Go's %+v": "&{Content:["
    + " ".join(map(str, REPORT.encode()))
    + "] GeneratedTime:2026-10-31 08:00:00 +0000 UTC ReportFormat:text/csv}",
    "API XML": xml(),
    "PEM armour": f"-----BEGIN CERTIFICATE-----\n{wrapped_lines(BASE64, 64)}\n-----END CERTIFICATE-----\n",
    "base64 between lines": f"Generating...\n{BASE64}\ndone\n",
    "wrapped base64 between lines": f"Generating...\n{wrapped_lines(BASE64, 76)}\ndone\n",
    "--output table": f"-----\n|  GetCredentialReport  |\n+----+----+\n|  Content  |  {BASE64}  |\n"
    f"|  GeneratedTime  |  {GENERATED}  |\n|  ReportFormat  |  text/csv  |\n+----+----+\n",
    "--output text in another order": f"text/csv\t{GENERATED}\t{BASE64}\n",
    "yaml-stream": f"- Content: \n    {BASE64}\n  GeneratedTime: '{GENERATED}'\n  ReportFormat: text/csv\n",
    "YAML of rows": "\n".join("- " + "\n  ".join(f"{name}: '{text}'" for name, text in row.items()) for row in DICTS),
    "Markdown": drawn_table("|" + "---|" * 22, "|"),
    "psql": drawn_table("----+----", " ") + "\n(3 rows)\n",
    "HTML": html(),
    "tar": tarred("w", {"a/report.csv": REPORT, "README": "hello"}),
    "tar.gz": tarred("w:gz", {"./report.csv": REPORT}),
    "xlsx": workbook(["IAM users"], [], *(line.split(",") for line in LINES)),
    "#TYPE": f"#TYPE System.Management.Automation.PSCustomObject\n{REPORT}",
    "title and warning lines": f"Credential report\nWarning: old, very old\n\n{REPORT}",
    "sep=": f"sep=,\n{REPORT}",
    "BOM read as Latin-1": "\u00ef\u00bb\u00bf" + REPORT,
    "file names from grep": "\n".join(f"reports/a.csv:{line}" for line in LINES),
    "grep -n": "\n".join(f"{number}:{line}" for number, line in enumerate(LINES, 1)),
    "cat -n": "\n".join(f"{number:6}\t{line}" for number, line in enumerate(LINES, 1)),
    "names in title case": "\n".join([LINES[0].replace("_", " ").title(), *LINES[1:]]),
    "names in camel case": "\n".join([LINES[0].title().replace("_", ""), *LINES[1:]]),
    "jq without -r": json.dumps(REPORT),
    "literal line ends": REPORT.replace("\n", "\\n"),
    "lines in quotes": "\n".join(f'"{line}"' for line in LINES),
    "lines around JSON": f"Generating the report...\ndone\n{envelope()}\nwritten to a file\n",
    "file names with a colon": "\n".join(f"C:\\reports\\a.csv:{line}" for line in LINES),
    "a line below": f"{REPORT}\n\n2 users (root aside).\n",
    "padding behind an envelope": envelope() + "\0\0\0",
    "wrapped at 80 columns": "\n".join(wrapped_lines(line, 80) for line in LINES),
    "pprint of boto3": f"{{'Content': {REPORT[:90].encode()!r}\n            {REPORT[90:].encode()!r},\n "
    "'GeneratedTime': datetime.datetime(2026, 10, 31, 8, 0, tzinfo=tzlocal()),\n 'ReportFormat': 'text/csv'}",
}

NO_REPORT: dict[str, tuple[str | bytes, str]] = {
    "STARTED": ('{"State": "STARTED", "Description": "No report exists."}', "get-credential-report"),
    "COMPLETE": ('{"State": "COMPLETE"}', "get-credential-report"),
    "STARTED in text": ("STARTED\tNo report exists. Starting a new report generation task", "get-credential-report"),
    "text the other way": ("No report exists. Starting a new report generation task\tSTARTED", "get-credential-report"),
    "COMPLETE in text": ("COMPLETE\n", "get-credential-report"),
    "STARTED in YAML": ("Description: No report exists.\nState: STARTED\n", "get-credential-report"),
    "generate in XML": (
        "<GenerateCredentialReportResponse><State>STARTED</State></GenerateCredentialReportResponse>",
        "get-credential-report",
    ),
    "None": ("None\n", "get-credential-report"),
    "null": ("null", "get-credential-report"),
    "AccessDenied": (
        "\nAn error occurred (AccessDenied) when calling the GetCredentialReport operation: User: x is not authorized",
        "iam:GetCredentialReport",
    ),
    "AccessDenied of the newer CLI": (
        "aws: [ERROR]: An error occurred (AccessDenied) when calling the GetCredentialReport operation: no",
        "iam:GetCredentialReport",
    ),
    "AccessDenied in JSON": ('{"Code": "AccessDenied", "Message": "no"}', "iam:GetCredentialReport"),
    "AccessDenied in text": ("AccessDenied\tUser: x is not authorized", "iam:GetCredentialReport"),
    "AccessDenied in YAML": ("Code: AccessDenied\nMessage: not authorized\n", "iam:GetCredentialReport"),
    "ReportNotPresent of JavaScript": (
        json.dumps({"name": "CredentialReportNotPresentException", "$fault": "client", "$metadata": {}}),
        "generate-credential-report",
    ),
    "ReportExpired": (
        "An error occurred (ReportExpired) when calling the GetCredentialReport operation: Unknown",
        "generate-credential-report",
    ),
    "ReportInProgress in XML": (
        "<ErrorResponse><Error><Type>Sender</Type><Code>ReportInProgress</Code></Error></ErrorResponse>",
        "again in a few seconds",
    ),
    "an error in boto3's words": (
        "botocore.exceptions.ClientError: An error occurred (ReportNotPresent) when calling the GetCredentialReport",
        "generate-credential-report",
    ),
}

MARKED: dict[str, tuple[str | bytes, str]] = {
    "PowerShell's object": (
        "Content       : System.IO.MemoryStream\nGeneratedTime : 31/10/2026 08:00\nReportFormat  : text/csv",
        "-Raw",
    ),
    "console.log": (
        "{ Content: Uint8Array(900) [ 117, 115, ... 800 more items ], GeneratedTime: x }",
        "JSON.stringify",
    ),
    "Go's String()": ("{\n  Content: <binary> len 900,\n  GeneratedTime: 2026-10-31 08:00:00 +0000 UTC\n}", "Content"),
    "Java's toString": ("{Content: java.nio.HeapByteBuffer[pos=0 lim=9 cap=9],ReportFormat: text/csv}", "Content"),
    "pickle": (b"\x80\x04\x95\x10\x00}\x94(\x8c\x07Content\x94C\x09user,arn,\x8c\x0dGeneratedTime", "can run code"),
    "cut base64 between lines": (f"start\n{BASE64[:101]}\nend", "cut or mixed with other lines"),
    "base64 of rows without the header": (
        base64.b64encode("\n".join(LINES[1:]).encode()).decode(),
        "use the original report",
    ),
    "columns": (json.dumps({name: [] for name in COLUMNS_22}), "list of rows"),
    "other separators": ("\n".join(line.replace(",", "~:~") for line in LINES), "unknown form"),
    "wrapped and joined": (
        "\n".join(wrapped_lines(line[:-1] + "x" * (-len(line) % 80 + 1), 80) for line in LINES),
        "80",
    ),
    "a cut header": (LINES[0][:60], "middle of a name"),
    "Powerpipe": (
        "User Name,User ARN,Password Enabled,MFA Active,Key 1 Last Rotated\nanna,x,true,true,\n",
        "Powerpipe",
    ),
    "Elastic cloudbeat": (
        json.dumps(
            {
                "name": "anna",
                "arn": "x",
                "password_enabled": True,
                "mfa_active": True,
                "access_keys": [{"active": False, "has_used": False, "rotation_date": "N/A"}],
            },
            indent=1,
        ),
        "cloudbeat",
    ),
    "Fugue": (
        json.dumps(
            {
                "report": [
                    {
                        "user": "anna",
                        "password_enabled": True,
                        "password_last_used": "N/A",
                        "password_last_changed": "N/A",
                        "mfa_active": True,
                        "access_keys": [],
                    }
                ]
            },
            indent=1,
        ),
        "lists or objects",
    ),
    "Shisho Cloud": (
        json.dumps(
            {
                "credentialReport": {
                    "contents": [
                        {
                            "user": "anna",
                            "arn": "x",
                            "passwordLastUsedAt": None,
                            "passwordEnabled": True,
                            "mfaActive": True,
                            "accessKey1Active": True,
                        }
                    ]
                }
            },
            indent=1,
        ),
        "Shisho",
    ),
    "cnquery": (
        json.dumps({"aws.iam.credentialReport": [{"arn": "x", "createdAt": "y", "passwordEnabled": True}]}, indent=1),
        "cnquery",
    ),
    "Panther": (json.dumps({"Resource": {"CredentialReport": {"UserName": "anna", "ARN": "x"}}}), "year 1"),
    "an empty ScoutSuite": (
        'scoutsuite_results =\n{"services": {"iam": {"credential_reports": {}}}}',
        "does not show that the account has no users",
    ),
    "a failed CloudSploit": (
        json.dumps({"iam": {"generateCredentialReport": {"us-east-1": {"err": "AccessDenied"}}}}),
        "does not show that the account has no users",
    ),
    "an empty Steampipe": (
        json.dumps({"columns": [{"name": "user_arn"}, {"name": "password_status"}], "rows": []}),
        "without rows",
    ),
}

PASSED_OVER: dict[str, str | bytes] = {
    "notes.txt": "The report says password_last_used, mfa_active and so on of each user.",
    "collect.sh": "#!/bin/sh\naws iam get-credential-report --query Content | base64 -d | cut -d, -f1,5\n",
    "query.sql": "select user, arn, password_enabled, mfa_active, access_key_1_active, cert_1_active from t;",
    "read.py": f"EXAMPLE = '''\n{REPORT}\n'''\n",
    "policy.json": json.dumps({"Version": "2012-10-17", "Statement": [{"Action": ["iam:GetCredentialReport"]}]}),
    "trail.json": json.dumps(
        {"Records": [{"eventName": "GetCredentialReport", "errorCode": "AccessDenied", "eventVersion": "1.08"}]}
    ),
    "users.json": json.dumps(
        [{"arn": "arn:aws:iam::111122223333:user/x", "a": [1, 2, 3, 4, 5, 6], "n": n, "is": True} for n in range(9)]
    ),
    "event.json": json.dumps({"eventName": "GetCredentialReport", "errorCode": "AccessDenied", "type": "AccessDenied"}),
    "run.log": "[2026-10-31 08:00] start\n[2026-10-31 08:01] An error occurred (AccessDenied) when calling the "
    "GetCredentialReport operation: no\n[2026-10-31 08:02] end\n",
    "config.yaml": "content: hello\ndescription: settings\n",
    "page.html": "<html><body><table><tr><td>a</td><td>b</td></tr></table></body></html>",
    "cert.pem": "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUJ0\n-----END CERTIFICATE-----\n",
}
