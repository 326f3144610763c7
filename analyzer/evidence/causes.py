"""The events that explain new failures: an old key fails anew because it was activated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from analyzer.evidence.schema import NEW_FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable

_OF_USERS: Final = ("user_created", "user_recreated", "mfa_disabled")
_OF_CREDENTIALS: Final = ("password_enabled", "key_activated", "certificate_activated")


def with_causes(failures: pd.DataFrame, events: pd.DataFrame, in_words: Callable[[str], str]) -> pd.DataFrame:
    """Return failures with the messages of new ones followed by the event of `events` that explains them, if any.

    Events of a user explain all failures of the user, those of MFA only failures of MFA, and those of a credential the
    failures of this credential; an enabled password explains missing MFA as well. The first event that fits is named.
    """
    message, event = (failures[name].astype("object").copy() for name in ("message", "event"))
    is_pending = event.isin(NEW_FAILURES).to_numpy()
    is_of_mfa = failures["control"].astype("str").str.contains("mfa").to_numpy()
    credential = failures["credential"].astype("object").where(~is_of_mfa, "password")
    for name in (*_OF_USERS, *_OF_CREDENTIALS):
        explaining = events[(events["event"] == name).to_numpy()]
        keys, event_keys = ([rows["account_id"], rows["user"]] for rows in (failures, explaining))
        if name in _OF_CREDENTIALS:
            keys, event_keys = [*keys, credential], [*event_keys, explaining["credential"]]
        is_explained = is_pending & _index(keys).isin(_index(event_keys))
        if name == "mfa_disabled":
            is_explained = is_explained & is_of_mfa
        message = message.mask(is_explained, message + f"; {in_words(name)} since")
        is_pending = is_pending & ~is_explained
    return failures.assign(message=message)


def _index(columns: list[pd.Series[str]]) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([np.asarray(column.astype("str")) for column in columns])
