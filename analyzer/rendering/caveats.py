"""What readers have to know about credential reports, whatever is found in them."""

from __future__ import annotations

from typing import Final

REPORTS: Final = (
    (
        "A credential report lists IAM users and root. It does not show roles, people who sign in through IAM Identity "
        "Center or another identity provider, or what a credential may do."
    ),
    (
        "AWS records only the first use in each span of 5 minutes (passwords) or 15 minutes (keys), and cuts key "
        "uses to the minute: a key used just before the report may still look unused, and a use up to 60 seconds "
        "before the key's creation or after the reference instant is no contradiction."
    ),
    ("AWS began to record password use on 2014-10-20 and key use on 2015-04-22: never used means not used since."),
    ("AWS lost the password use of 2018-05-04T05:50Z to 2018-05-23T21:08Z: the time shown is the use before that gap."),
    (
        "A report holds no time of its own, and AWS serves the same one for up to four hours: it may be older "
        "than its download. Where no reference instant was given, the capture time came from the envelope, file or "
        "folder name (column captured_from of the inputs). A date without a time stands for the end of that day, UTC."
    ),
    (
        "Key slots are not identities: after a rotation the same key may stand in the other slot. A key is "
        "recognised by its creation time. An inactive key keeps its date; there are no inactive passwords, only "
        "removed ones."
    ),
    (
        "A password made anew may show the last use of the one before; it is judged by the time shown, as the "
        "benchmark says."
    ),
    ("The report does not say when a signing certificate was used."),
)
