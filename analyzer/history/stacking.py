"""Tables of users of several origins as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from analyzer.evidence.schema import FEW, USERS, to_arrow, to_pandas

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd

IN_MEMORY = pa.schema({"password_enabled_state": FEW, "additional_credentials_info_state": FEW})
"""The columns of users that are not written (see `reading.normalizing.Tables`), but `report`, which is a position."""


def stack(tables: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Return tables of users one below the other, and for each row which of them it is of.

    Categories are put together; reports stay apart. The codes of `source` are no positions any more.
    """
    schema = pa.unify_schemas([USERS, IN_MEMORY])
    stacked = pa.concat_tables([to_arrow(table, schema) for table in tables]).unify_dictionaries().combine_chunks()
    origin = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    counts = [int(table["report"].max()) + 1 if len(table) else 0 for table in tables]
    offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
    report = np.concatenate(
        [table["report"].to_numpy() + offset for table, offset in zip(tables, offsets, strict=True)]
    )
    return to_pandas(stacked).assign(report=report), origin
