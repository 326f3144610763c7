from __future__ import annotations

import hashlib
import json
import pickle
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import InputError
from analyzer.evidence.seal import DamagedSealError, read_manifest, read_rendered, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIGEST = "ab" * 32
OUTPUT = {"name": "a.parquet", "sha256": DIGEST, "bytes": 3}
MANIFEST = {"program": "credreport", "kind": "audit", "schema_version": 3, "inputs": [], "outputs": [OUTPUT]}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc") | st.just("digest"), inner),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from(["program", "schema_version", "digest", "x", '\n  "digest": "']), values)


@given(documents)
def test_a_sealed_document_comes_back_with_the_digest_of_its_own_bytes(document: dict[str, Any]) -> None:
    data = seal(document)
    unsealed = unseal(data)
    assert unsealed == {**document, "digest": unsealed["digest"]}
    assert data.count(unsealed["digest"].encode()) == 1
    blank = data.replace(unsealed["digest"].encode(), b"0" * 64)
    assert hashlib.sha256(blank).hexdigest() == unsealed["digest"]
    assert seal(unsealed) == data
    names = list(unsealed)
    assert names.index("digest") == (names.index("schema_version") + 1 if "schema_version" in names else 0)


@given(
    documents, st.lists(st.dictionaries(st.sampled_from(["inputs", '\n  "inputs": [\n', "\n  ]"]), values), min_size=1)
)
def test_a_list_of_objects_can_be_left_out(document: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    data = seal({**document, "inputs": rows, "outputs": [OUTPUT]})
    assert unseal(data, without="inputs") == {**unseal(data), "inputs": []}
    assert unseal(data, without="no such list") == unseal(data)


def test_the_form_of_a_sealed_document() -> None:
    data = seal({"program": "credreport", "schema_version": 3, "names": ["Jürgen"]})
    text = re.sub("[0-9a-f]{64}", "…", data.decode())
    assert text == (
        '{\n  "program": "credreport",\n  "schema_version": 3,\n  "digest": "…",\n  "names": [\n    "Jürgen"\n  ]\n}\n'
    )


@given(st.data())
def test_every_changed_byte_is_found(data: st.DataObject) -> None:
    sealed = bytearray(seal({**MANIFEST, "digests": {"digest": DIGEST}}))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="was changed since"):
        unseal(bytes(sealed))


@pytest.mark.parametrize(
    "change", [lambda d: d + b"\n", lambda d: d[:-1], lambda d: d.replace(b"\n", b"\r\n"), lambda d: d + d]
)
def test_added_and_cut_bytes_are_found(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match="was changed since"):
        unseal(change(seal(MANIFEST)))


def put(folder: Path, data: bytes | dict[str, Any], name: str = "manifest.json") -> Path:
    (folder / name).write_bytes(data if isinstance(data, bytes) else seal(data))
    return folder


def test_the_manifest_is_read(tmp_path: Path) -> None:
    assert read_manifest(put(tmp_path, MANIFEST))["outputs"] == [OUTPUT]
    assert read_rendered(tmp_path) is None
    put(tmp_path, {"program": "credreport", "schema_version": 3, "manifest": "", "outputs": []}, "rendered.json")
    assert read_rendered(tmp_path) is not None


@pytest.mark.parametrize("data", [None, b"", b"{}", b"[1]", b"\xff\xfe", {**MANIFEST, "program": "other"}])
def test_a_file_that_is_no_manifest_of_credreport_is_refused(
    tmp_path: Path, data: bytes | dict[str, Any] | None
) -> None:
    if data is not None:
        put(tmp_path, data)
    with pytest.raises(InputError, match=r"(?m)^no evidence set: .* has no manifest\.json of credreport$") as caught:
        read_manifest(tmp_path)
    assert "audit -o" in caught.value.hint
    assert not isinstance(caught.value, DamagedSealError)


def test_other_schema_versions_are_refused_with_a_remedy(tmp_path: Path) -> None:
    old = {**MANIFEST, "schema_version": 1}
    put(tmp_path, json.dumps(old, indent=2).encode())
    with pytest.raises(InputError, match=r"has schema version 1, this credreport reads version 3") as caught:
        read_manifest(tmp_path)
    assert "run the command again with this version, or use the one that wrote" in caught.value.hint
    put(tmp_path, {**MANIFEST, "schema_version": 4})
    with pytest.raises(InputError, match=r"schema version 4") as caught:
        read_manifest(tmp_path)
    assert caught.value.hint == "update credreport"
    put(tmp_path, {**MANIFEST, "schema_version": 4}, "rendered.json")
    with pytest.raises(InputError, match=r"schema version 4"):
        read_rendered(tmp_path)


ODD_NAMES = [
    "",
    "/etc/passwd",
    "../x",
    "a/../b",
    "./a",
    "a//b",
    "a/",
    "..",
    "C:/x",
    "c:x",
    "a\\b",
    "a\0",
    "manifest.json",
]


@pytest.mark.parametrize(
    "change",
    [
        *({"outputs": [{**OUTPUT, "name": name}]} for name in ODD_NAMES),
        {"outputs": None},
        {"outputs": ["a"]},
        {"outputs": [{"name": "a"}]},
        {"outputs": [{"name": 1, "sha256": DIGEST}]},
        {"outputs": [{"name": "a", "sha256": DIGEST.upper()}]},
        {"inputs": {}},
        {"inputs": [{}]},
    ],
)
def test_a_manifest_without_sound_names_and_digests_is_damaged(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(DamagedSealError, match=r"names a file outside|does not list the names"):
        read_manifest(put(tmp_path, {**MANIFEST, **change}))


def test_a_damage_error_names_the_file_and_passes_between_processes(tmp_path: Path) -> None:
    put(tmp_path, seal(MANIFEST)[:-9])
    with pytest.raises(DamagedSealError, match=r"manifest\.json in .* was changed since") as caught:
        read_manifest(tmp_path)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own
    put(tmp_path, b'{"program": "credreport"' + b"[" * 10**5)
    with pytest.raises(DamagedSealError, match="was changed since"):
        read_manifest(tmp_path)
    put(tmp_path, json.dumps(MANIFEST).encode())
    with pytest.raises(DamagedSealError, match="its digest is missing"):
        read_manifest(tmp_path)
