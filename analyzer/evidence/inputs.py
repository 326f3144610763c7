"""What was read: a row per input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.reading.columns import NO_TIME, TIME, column_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.reading.normalizing import Tables
    from analyzer.reading.source import Source


def inputs_table(
    sources: Sequence[Source], tables: Tables, judged: npt.NDArray[np.bool_], as_of: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """Return a row per report file: what it is, what is in it, and whether it was judged."""
    users, reports = tables.users, tables.reports
    owner = users["source"].cat.codes.to_numpy()
    every = range(len(sources))
    code = users["account_id"].cat.codes.to_numpy()
    pairs = pd.DataFrame({"owner": owner, "code": code}).drop_duplicates()
    of_owner = pairs[pairs["code"] >= 0].groupby("owner")["code"].agg(["first", "nunique"]).reindex(every, fill_value=0)
    accounts = np.array([*users["account_id"].cat.categories, None], dtype=object)
    account = accounts[np.where(of_owner["nunique"] == 1, of_owner["first"], -1)]
    by_owner = pd.DataFrame({"judged": judged, "as_of": as_of}).groupby(owner)
    instants = by_owner["as_of"].max().reindex(every, fill_value=NO_TIME).to_numpy()
    was_judged = by_owner["judged"].any().reindex(every, fill_value=False).to_numpy()
    of_source = reports.groupby("source")
    return pd.DataFrame(
        {
            "name": pd.Series([source.name for source in sources], dtype="str"),
            "sha256": pd.Series([source.sha256 for source in sources], dtype="str"),
            "bytes": [source.size for source in sources],
            "container": pd.Series([source.container for source in sources], dtype="str"),
            "encoding": pd.Series([source.encoding for source in sources], dtype="str"),
            "layout": of_source["layout"].agg(lambda kinds: ", ".join(dict.fromkeys(kinds))).to_numpy(),
            "rows": of_source["rows"].sum().to_numpy(),
            "rejected": of_source["rejected"].sum().to_numpy(),
            "account_id": pd.Series(account, dtype="str"),
            "captured_at": column_of(pa.array([source.captured_at for source in sources], TIME)),
            "captured_from": pd.Series([source.captured_from for source in sources], dtype="str"),
            "newest_time": column_of(pa.array(of_source["newest_time"].max()).cast(TIME)),
            "judged": was_judged,
            "as_of": column_of(pa.array(instants, mask=(instants == NO_TIME) | ~was_judged).cast(TIME)),
        }
    )
