"""Texts as they stand in the XML of a workbook (ECMA-376)."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_CONTROL: Final = r"[\x00-\x08\x0b-\x1f]|_x[0-9a-fA-F]{4}_|[\x{FFFE}\x{FFFF}]"
"""Characters that must be escaped (ECMA-376, ST_Xstring), and texts that look like an escape."""
_SPECIAL: Final = rf"[&<>]|^\s|\s$|\n|{_CONTROL}"
"""Texts that XML cannot hold unchanged: most columns have none."""
_WRITTEN_OUT: Final = re.compile(r"(_x[0-9a-fA-F]{4}_)|([\x00-\x08\x0b-\x1f\ufffe\uffff])")


def escaped(texts: pa.Array) -> pa.Array:
    """Return the XML of each text, from the end of the start tag."""
    if pa.types.is_dictionary(texts.type):
        return escaped(texts.dictionary).take(texts.indices)
    if not _has(texts, _SPECIAL):
        return pc.binary_join_element_wise(">", texts, "")
    odd = np.flatnonzero(np.asarray(pc.fill_null(pc.match_substring_regex(texts, _CONTROL), fill_value=False)))
    if len(odd):
        mask = np.zeros(len(texts), bool)
        mask[odd] = True
        written_out = [_WRITTEN_OUT.sub(_code, text) for text in texts.take(pa.array(odd)).to_pylist()]
        texts = pc.replace_with_mask(texts, pa.array(mask), pa.array(written_out, pa.string()))
    texts = entities_of(texts)
    # Programs keep blanks at the ends of a text, and line breaks, only with this attribute.
    blank = pc.match_substring_regex(texts, r"^\s|\s$|\n")
    return pc.binary_join_element_wise(pc.if_else(blank, ' xml:space="preserve">', ">"), texts, "")


def _has(texts: pa.Array, pattern: str) -> bool:
    """Whether a regular expression matches in one of the texts."""
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())


_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""The entities of characters with a meaning in XML."""


def entities(text: str) -> str:
    """Return a text with entities for XML."""
    for sign, entity in _ENTITIES.items():
        text = text.replace(sign, entity)
    return text


def entities_of(texts: pa.Array) -> pa.Array:
    """Return texts with entities for XML."""
    if pa.types.is_dictionary(texts.type):
        return entities_of(texts.dictionary).take(texts.indices)
    for sign, entity in _ENTITIES.items():
        texts = pc.replace_substring(texts, sign, entity)
    return texts


def _code(match: re.Match[str]) -> str:
    literal, sign = match.groups()
    return f"_x005F{literal}" if literal else f"_x{ord(sign):04X}_"
