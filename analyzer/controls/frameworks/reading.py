"""Read a framework from a TOML file.

    id = "our-baseline"
    title = "Our baseline for AWS accounts"
    version = "2026"
    publisher = "Example Ltd"

    [[requirements]]
    number = "A.1"
    title = "Credentials idle for 30 days are removed"
    controls = ["unused-credentials"]
    parameters = { max_idle_days = 30 }
    source = "baseline.pdf, page 4"

Optional keys at the top are `label` (a short name; the title if not given) and `note`. Optional keys of a requirement
are `level` (1 or 2), `assessment` ("automated" or "manual"), `partly` and `related` (true or false), and `note`. Each
error names the file, the line and the key.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from analyzer.controls.catalog import BY_ID
from analyzer.controls.control import NOT_FRAMEWORKS
from analyzer.controls.documents import Document
from analyzer.controls.frameworks import FRAMEWORKS, Framework, Requirement
from analyzer.errors import FrameworkError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path as FilePath

    from analyzer.controls.control import Option, Parameter, Value
    from analyzer.controls.documents import Path

_HEAD: Final = ("id", "title", "label", "version", "publisher", "note", "requirements")
_ROW: Final = (
    *("number", "title", "controls", "parameters", "level", "assessment", "partly", "related", "note", "source"),
)
_ASSESSMENTS: Final = ("automated", "manual")
_LEVELS: Final = (1, 2)
_ID: Final = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")


def read_framework(path: FilePath) -> Framework:
    """Read a framework file. Raises FrameworkError if it cannot be read, or for an unknown key or a wrong value."""
    return parse_framework(str(path), _File.bytes_at(path))


def parse_framework(name: str, data: bytes, *, is_own: bool = False) -> Framework:
    """Parse the bytes of a framework file; `is_own` for a built-in framework.

    Raises FrameworkError as `read_framework` does.
    """
    return _File.of(name, data).framework("" if is_own else data.decode())


class _File(Document):
    """A framework, checked key by key."""

    kind = "framework"
    option = "--benchmark"
    error = FrameworkError
    form = "a framework has keys and values at the top, and [[requirements]] with keys and values"

    def framework(self, text: str) -> Framework:
        """Return the framework; `text` is the text of a user's file, empty for a built-in framework."""
        head = self.content
        self.only((), head, _HEAD)
        for key in ("id", "title", "version", "publisher"):
            if key not in head:
                self.fail((key,), "is missing", f'write {key} = "…" above the requirements')
        texts = {key: self.text((key,), head[key]) for key in _HEAD if key in head and key != "requirements"}
        if not _ID.fullmatch(texts["id"]):
            self.wrong(("id",), texts["id"], "small letters and digits, with - or . between: our-baseline-2026")
        rows = head.get("requirements")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            self.fail(
                ("requirements",),
                "no list of requirements",
                "write [[requirements]] above the keys of each requirement",
            )
        if text and texts["id"] in FRAMEWORKS:
            self.wrong(("id",), texts["id"], "an id that no built-in framework has, such as our-baseline-2026")
        if texts.get("label") in NOT_FRAMEWORKS:
            self.wrong(("label",), texts["label"], "a name that identifies the framework")
        requirements = [
            self._requirement(("requirements", str(n)), row, texts["id"]) for n, row in enumerate(rows, start=1)
        ]
        self._refuse_repeated(requirements)
        return Framework(
            id=texts["id"],
            title=texts["title"],
            label=texts.get("label", texts["title"]),
            version=texts["version"],
            publisher=texts["publisher"],
            note=texts.get("note", ""),
            requirements=tuple(requirements),
            name=self.name if text else None,
            text=text,
        )

    def _requirement(self, path: Path, row: dict[str, Any], framework: str) -> Requirement:
        self.only(path, row, _ROW)
        for key in ("number", "title", "controls"):
            if key not in row:
                self.fail((*path, key), "is missing", f"write {key} in each requirement")
        texts = {key: self.text((*path, key), row[key]) for key in ("number", "title", "note", "source") if key in row}
        controls = self._controls((*path, "controls"), row["controls"])
        return Requirement(
            **texts,
            controls=controls,
            parameters=self._parameters((*path, "parameters"), row.get("parameters", {}), controls),
            level=self._among((*path, "level"), row.get("level"), _LEVELS),
            assessment=self._among((*path, "assessment"), row.get("assessment"), _ASSESSMENTS),
            is_partly=self.flag((*path, "partly"), row.get("partly", False)),
            is_related=self.flag((*path, "related"), row.get("related", False)),
            framework=framework,
            own_number=texts["number"],
        )

    def _controls(self, path: Path, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(control, str) for control in value):
            self.wrong(path, value, 'ids of controls, as in ["unused-credentials"]')
        for control in value:
            if control not in BY_ID:
                self.fail(
                    path,
                    f"no such control: {control!r}{did_you_mean(control, BY_ID)}",
                    f"the controls are {', '.join(BY_ID)}",
                )
        if len(set(value)) < len(value):
            self.fail(path, "a control is named twice", "name each control once")
        return tuple(value)

    def _parameters(self, path: Path, value: object, controls: Iterable[str]) -> Mapping[str, Value]:
        if not isinstance(value, dict):
            self.wrong(path, value, "parameters of the controls, as in { max_idle_days = 45 }")
        parameters_by_name: dict[str, list[Parameter | Option]] = {}
        for control in controls:
            for name, parameter in BY_ID[control].parameters.items():
                parameters_by_name.setdefault(name, []).append(parameter)
        for name, number_or_word in value.items():
            if name not in parameters_by_name:
                known_keys = ", ".join(parameters_by_name) or "none: its controls have no parameters"
                near = did_you_mean(name, parameters_by_name)
                self.fail((*path, name), f"unknown key{near}", f"known keys: {known_keys}")
            for parameter in parameters_by_name[name]:
                if not parameter.takes(number_or_word):
                    self.wrong((*path, name), number_or_word, parameter.expected)
        return MappingProxyType(cast("dict[str, Value]", value))

    def _among(self, path: Path, value: Any, choices: tuple[Any, ...]) -> Any:  # noqa: ANN401 - one of the choices
        if value is not None and (isinstance(value, bool) or value not in choices):
            self.wrong(path, value, f"one of {', '.join(map(repr, choices))}".replace("'", '"'))
        return value

    def _refuse_repeated(self, requirements: Iterable[Requirement]) -> None:
        position_of: dict[str, int] = {}
        for position, requirement in enumerate(requirements, start=1):
            if requirement.number in position_of:
                path = ("requirements", str(position), "number")
                first = self.line(("requirements", str(position_of[requirement.number]), "number"))
                self.fail(path, f"{requirement.number} is also in line {first}", "write each requirement once")
            position_of[requirement.number] = position
