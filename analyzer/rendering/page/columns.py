"""Tables as JSON for the script of the page: column by column, with each distinct text only once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECONDS: Final = 1_000_000


def as_data(table: pa.Table, labels: Mapping[str, str] | None = None, filters: Sequence[str] = ()) -> str:
    """Return a table as JSON: the number of its rows, and for each column its name, label, kind and values.

    The kinds are text (`texts`, and the code of each row, -1 for none), number and time (seconds since 1970, UTC). The
    columns in `filters` get a list of values to choose from.
    """
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        head = {"name": name, "label": (labels or {}).get(name, name), "filter": name in filters}
        columns.append(f"{json.dumps(head, ensure_ascii=False)[:-1]}, {_values(column)}}}")
    return f'{{"count": {table.num_rows}, "columns": [{", ".join(columns)}]}}'


def _values(column: pa.ChunkedArray) -> str:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return f'"kind": "time", "values": {_numbers(_seconds(column.cast(pa.int64())))}'
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return f'"kind": "number", "values": {_numbers(column)}'
    if pa.types.is_boolean(kind):
        column = pc.if_else(column, "true", "false")
    elif pa.types.is_list(kind):
        column = pc.binary_join(column, ", ")
    elif not pa.types.is_dictionary(kind):
        column = column.cast(pa.string())
    values = column.unify_dictionaries().combine_chunks()
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    texts = json.dumps(encoded.dictionary.to_pylist(), ensure_ascii=False)
    return f'"kind": "text", "texts": {texts}, "codes": {_numbers(pc.fill_null(encoded.indices, -1))}'


def _seconds(micros: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whole seconds, rounded down. The values stay integers: floats are exact only until the year 2255."""
    cut = pc.divide(micros, _SECONDS)
    return pc.subtract(cut, pc.less(micros, pc.multiply(cut, _SECONDS)).cast(pa.int64()))


def _numbers(values: Any) -> str:  # noqa: ANN401 - an Arrow array or a chunked array
    """Return numbers as a JSON array, with null for missing numbers."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    texts = pc.fill_null(values.cast(pa.string()), "null")
    if not len(texts):
        return "[]"
    # An Arrow array stores its texts one after another, without gaps.
    joined = pc.binary_join_element_wise(texts, ",", "")
    _, offsets, data = joined.buffers()
    start, end = np.frombuffer(offsets, np.int32)[[joined.offset, joined.offset + len(joined)]]
    return f"[{bytes(data[start : end - 1]).decode()}]"


def embedded(document: Mapping[str, str]) -> str:
    """Return JSON texts as one JSON object, by name. It contains no `<`, so it cannot end a script element."""
    parts = ", ".join(f"{json.dumps(name)}: {text}" for name, text in document.items())
    return f"{{{parts}}}".replace("<", "\\u003c")
