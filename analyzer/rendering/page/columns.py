"""Tables as JSON for the script of the page: column by column, with each distinct text only once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SECONDS: Final = 1_000_000


def as_data(
    table: pa.Table, labels: Mapping[str, str] | None = None, filters: Sequence[str] = (), blank: str = ""
) -> Iterator[bytes]:
    """Yield a table as pieces of JSON: the number of its rows, and for each column its name, label, kind and values.

    The kinds are text (`texts`, and the code of each row, -1 for none), number and time (seconds since 1970, UTC). The
    columns in `filters` get a list of values to choose from. `blank` is the text of a number that is null.
    """
    yield f'{{"count": {table.num_rows}, "columns": ['.encode()
    for at, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        head = {"name": name, "label": (labels or {}).get(name, name), "filter": name in filters}
        head |= {"blank": blank} if blank else {}
        yield (b", " if at else b"") + as_json(head)[:-1] + b", "
        yield from _values(column)
        yield b"}"
    yield b"]}"


def as_object(members: Mapping[str, Iterable[bytes]]) -> Iterator[bytes]:
    """Yield a JSON object in pieces, from the pieces of its members by name."""
    yield b"{"
    for at, (name, pieces) in enumerate(members.items()):
        yield (b", " if at else b"") + as_json(name) + b": "
        yield from pieces
    yield b"}"


def as_json(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    """Return a value as JSON in UTF-8. It contains no `<`, so it cannot end a script element."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").encode()


def _values(column: pa.ChunkedArray) -> Iterator[bytes]:
    kind = column.type
    if pa.types.is_timestamp(kind):
        yield b'"kind": "time", "values": '
        yield _numbers(_seconds(column.cast(pa.int64())))
        return
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        yield b'"kind": "number", "values": '
        yield _numbers(column)
        return
    if pa.types.is_boolean(kind):
        column = pc.if_else(column, "true", "false")
    elif pa.types.is_list(kind):
        column = pc.binary_join(column, ", ")
    elif not pa.types.is_dictionary(kind):
        column = column.cast(pa.string())
    values = column.unify_dictionaries().combine_chunks()
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    yield b'"kind": "text", "texts": '
    yield as_json(encoded.dictionary.to_pylist())
    yield b', "codes": '
    yield _numbers(pc.fill_null(encoded.indices, -1))


def _seconds(micros: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whole seconds, rounded down. The values stay integers: floats are exact only until the year 2255."""
    cut = pc.divide(micros, _SECONDS)
    return pc.subtract(cut, pc.less(micros, pc.multiply(cut, _SECONDS)).cast(pa.int64()))


def _numbers(values: Any) -> bytes:  # noqa: ANN401 - an Arrow array or a chunked array
    """Return numbers as a JSON array, with null for missing numbers."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    texts = pc.fill_null(values.cast(pa.string()), "null")
    if not len(texts):
        return b"[]"
    # An Arrow array stores its texts one after another, without gaps.
    joined = pc.binary_join_element_wise(texts, ",", "")
    _, offsets, data = joined.buffers()
    start, end = np.frombuffer(offsets, np.int32)[[joined.offset, joined.offset + len(joined)]]
    return b"[%b]" % data[start : end - 1].to_pybytes()
