"""The messages of checks: `never used; created 2024-01-02, 692 days`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import BOUNDED, Reason
from analyzer.judging.staleness import is_because
from analyzer.reading.columns import NO_TIME, numbered, times_from
from analyzer.reading.layout import Kind
from analyzer.reading.times import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from analyzer.judging.verdicts import Verdicts

_PASSWORD, _KEY, _CERTIFICATE = Kind.PASSWORD, Kind.ACCESS_KEY, Kind.CERTIFICATE
WORDS: Final[Mapping[Reason, str | Mapping[Kind, str]]] = {
    Reason.LAST_USED: "last used {when}",
    Reason.NEVER_USED: {
        _PASSWORD: "never used; set {when}",
        _KEY: "never used; created {when}",
        _CERTIFICATE: "never used; uploaded {when}",
    },
    Reason.USED_AFTER_AS_OF: {
        _PASSWORD: "used after the reference date; earlier use not known; user created {when}",
        _KEY: "used after the reference date; earlier use not known; created {when}",
    },
    Reason.LAST_USE_UNKNOWN: {
        _PASSWORD: "last use not known; user created {when}",
        _KEY: "last use not known; created {when}",
    },
    Reason.LAST_CHANGED: {
        _PASSWORD: "last changed {when}",
        _KEY: "created {when}",
        _CERTIFICATE: "uploaded {when}",
    },
    Reason.AGE_UNKNOWN: "never used; age not known; user created {when}",
    Reason.CREATED_AFTER_AS_OF: "created after the reference date",
    Reason.ACTIVE_UNKNOWN: "not known whether it is active",
    Reason.INACTIVE: "inactive",
    Reason.TWO_ACTIVE_KEYS: "two active access keys",
    Reason.ONE_ACTIVE_KEY: "at most one active access key",
    Reason.KEY_EXISTS: "root has an active access key; created {when}",
    Reason.NO_KEY: "root has no active access key",
    Reason.MFA_ACTIVE: "MFA is active",
    Reason.MFA_NOT_ACTIVE: "no MFA device is active",
    Reason.MFA_UNKNOWN: "not known whether MFA is active",
    Reason.MANUAL: "manual check: look at how root of the account signs in, and at its MFA device",
    Reason.NO_PASSWORD: "root has no password",
    Reason.PASSWORD_UNKNOWN: "not known whether there is a console password",
    Reason.PASSWORD_AND_KEY: "has a console password and an active access key",
    Reason.NOT_BOTH: "has a console password or active access keys, not both",
    Reason.HAS_PASSWORD: "has a console password",
    Reason.CERTIFICATE_EXISTS: "root has an active signing certificate; uploaded {when}",
    Reason.NO_CERTIFICATE: "root has no active signing certificate",
    Reason.NO_CREDENTIALS: "root has no password, access key, signing certificate or MFA device",
    Reason.PASSWORDS_EXPIRE: "the newest password was set {when} before it expires",
    Reason.PASSWORDS_STAY: "passwords do not expire; the newest was set {date}",
    Reason.PASSWORD_EXPIRY_UNKNOWN: "not known after how many days passwords expire",
    Reason.NO_CONSOLE_PASSWORD: "no IAM user has a console password",
    Reason.EXPIRED: "expired {when}",
    Reason.NOT_EXPIRED: "expires {date}",
    Reason.EXPIRY_UNKNOWN: "not known when it expires",
    Reason.REPORT_OLDER: "the report shows no recent use, but it is older than the reference date",
    Reason.NO_ROOT_CREDENTIALS: "root has neither a password nor an active access key: there is nothing to protect",
    Reason.NO_ROOT_IN_PARTITION: "accounts in this partition (aws-cn) have no root credentials",
    Reason.NO_CONSOLE_ACCESS: "root of GovCloud (US) has no console access",
    Reason.MORE_CREDENTIALS_UNKNOWN: "the report does not show whether there are more credentials",
    Reason.MORE_CREDENTIALS: "has more credentials than the report shows",
    Reason.NO_MORE_CREDENTIALS: "has only the credentials in the report",
    Reason.ROOT_NOT_IN_REPORT: "the report has no row for root",
    Reason.COLUMN_NOT_IN_REPORT: "the report has no column additional_credentials_info",
    Reason.ORDER_UNKNOWN: "another report has mostly the same users; not known which of the two is newer",
    Reason.LEFT_AND_USED: "its user left on {date}; used after that, last on {used}",
    Reason.LEFT_NOT_USED: "its user left on {date}; not used after that",
    Reason.LEFT_USE_UNKNOWN: "its user left on {date}; not known whether it was used after that",
    Reason.LEAVES_LATER: "its user leaves on {date}",
    Reason.NOT_A_LEAVER: "its user is not in the list of leavers",
    Reason.PERSON_UNCLEAR: "not known whether its user left: no clear match in the list of leavers",
}
_UNDATED: Final = {
    # Used instead of the text above if it needs a date and the date is not known.
    Reason.USED_AFTER_AS_OF: "used after the reference date; earlier use and creation not known",
    Reason.LAST_USE_UNKNOWN: "last use and creation not known",
    Reason.AGE_UNKNOWN: "age not known: the report has no usable creation time",
    Reason.KEY_EXISTS: "root has an active access key",
    Reason.INACTIVE: "an inactive access key of root exists",
    Reason.CERTIFICATE_EXISTS: "root has an active signing certificate",
    Reason.NEVER_USED: "never used; creation not known",
    Reason.PASSWORDS_STAY: "passwords do not expire",
}
_PLACES: Final = ("{when}", "{date}")
_USED: Final = "{used}"
_CHANGED: Final = "; changed "
"""Stands before the change of a password that was last used before that change."""
_OLD: Final = "; report of "
"""Stands before the capture date of an old report."""


def messages(
    verdicts: Verdicts,
    days: npt.NDArray[np.int32],
    own: Sequence[Mapping[Reason, str | Mapping[Kind, str]]],
    old: npt.NDArray[np.int64] | None = None,
) -> pa.Array:
    """Return the message of each verdict.

    `days` are the whole days since the time of each verdict. `own` has the messages of each check's control, which
    replace the common ones. `old` has the capture time of the report of each verdict if the message names it, else
    `NO_TIME`; None if no message does.
    """
    first, which = _groups(verdicts, days, old)
    texts = _explain(verdicts.take(first), days[first], own)
    if old is not None:
        dates = times_from(old[first]).cast(pa.date32()).cast(pa.string())
        texts = pc.coalesce(pc.binary_join_element_wise(texts, dates, _OLD), texts)
    return texts.take(pa.array(which))


def _groups(
    verdicts: Verdicts, days: npt.NDArray[np.int32], old: npt.NDArray[np.int64] | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Group verdicts with the same message: return the first verdict of each group, and each verdict's group."""
    # A verdict without a time gets a day before all others.
    key = _form(verdicts, np.maximum(verdicts.time // DAY, -_MOST_DAYS)) * _MOST_DAYS + days
    if (verdicts.also != NO_TIME).any():
        key = numbered(key, verdicts.also // DAY)
    if old is not None:
        key = numbered(key, old // DAY)
    which, distinct = pd.factorize(key)
    first = np.empty(len(distinct), np.int64)
    first[which[::-1]] = np.arange(len(which))[::-1]
    return first, which


_MOST_DAYS: Final = 1 << 22
"""More days than there are between any two times."""


def _form(verdicts: Verdicts, number: npt.NDArray[np.int64] | int = 0) -> npt.NDArray[np.int64]:
    """Return a number that identifies the check, reason and kind of each verdict, and `number`."""
    controls = int(verdicts.chosen.max(initial=0)) + 1
    form: npt.NDArray[np.int64] = (number * controls + verdicts.chosen) * len(Reason) + verdicts.reason
    return form * len(Kind) + verdicts.kind


def _explain(
    verdicts: Verdicts, days: npt.NDArray[np.int32], own: Sequence[Mapping[Reason, str | Mapping[Kind, str]]]
) -> pa.Array:
    """Return the messages of verdicts."""
    reasons, reason_codes = list(Reason), verdicts.reason
    forms = [_split(_text(reason, kind, words)) for words in own for reason in reasons for kind in Kind]
    form = pa.array(_form(verdicts))
    heads, middles, tails, dated, counted = (pa.array(column).take(form) for column in zip(*forms, strict=True))
    bounded = is_because(reason_codes, *BOUNDED)
    time, also = (times_from(value).cast(pa.date32()).cast(pa.string()) for value in (verdicts.time, verdicts.also))
    spans = pc.binary_join_element_wise(
        pa.array([", ", ", at most "]).take(pa.array(bounded.astype(np.int8))),
        pa.array(days).cast(pa.string()),
        pa.array([" days", " day"]).take(pa.array((days == 1).astype(np.int8))),
        "",
    )
    is_changed = pa.array(is_because(reason_codes, Reason.LAST_USED) & (verdicts.also != NO_TIME))
    middles, also = pc.if_else(is_changed, _CHANGED, middles), pc.coalesce(also, "")
    with_date = pc.binary_join_element_wise(heads, time, pc.if_else(counted, spans, ""), middles, also, tails, "")
    undated = pa.array([_UNDATED.get(reason, "") for reason in reasons]).take(pa.array(reason_codes))
    return pc.if_else(dated, pc.coalesce(with_date, undated), heads)


def _text(reason: Reason, kind: Kind, own: Mapping[Reason, str | Mapping[Kind, str]]) -> str:
    for words in (own.get(reason, {}), WORDS[reason]):
        if isinstance(words, str):
            return words
        if kind in words:
            return words[kind]
    return ""


def _split(text: str) -> tuple[str, str, str, bool, bool]:
    """Return the parts of a message: the text before the date, between date and last use, and after the last use.

    Also return whether the message has a date, and whether the number of days follows the date.
    """
    for placeholder in _PLACES:
        if placeholder in text:
            head, _, remainder = text.partition(placeholder)
            middle, _, tail = remainder.partition(_USED)
            return head, middle, tail, True, placeholder == "{when}"
    return text, "", "", False, False
