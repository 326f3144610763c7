"""TOML files that are checked key by key: each error names the file, the line, the key and the permitted values."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from analyzer.errors import AnalyzerError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path as FilePath
    from typing import Self

Path = tuple[str, ...]
"""The path of a key: the names of the tables around it, outermost first, and its own name. A table in a list has its
position (1-based) in the path: `("requirements", "3", "number")`."""


class Document:
    """A parsed TOML file that knows the line of each key.

    There is a subclass for each kind of file. It sets the name of the kind, the option that names the file, and the
    class of the errors.
    """

    kind: ClassVar[str]
    option: ClassVar[str]
    error: ClassVar[type[AnalyzerError]]
    form: ClassVar[str]
    """A hint on what a file of this kind consists of."""

    def __init__(self, name: str, text: str, content: dict[str, Any]) -> None:
        self.name = name
        self.content = content
        self._lines = dict(_lines(text))

    @classmethod
    def bytes_at(cls, path: FilePath) -> bytes:
        """Return the bytes of a file. Raises `error` if it cannot be read."""
        try:
            return path.read_bytes()
        except OSError as error:
            raise cls.error(
                f"cannot read the {cls.kind} {path}: {error.strerror or error}",
                f"check the path given with {cls.option}",
            ) from error

    @classmethod
    def of(cls, name: str, data: bytes) -> Self:
        """Parse the bytes of a file. Raises `error` if they are not TOML in UTF-8."""
        try:
            text = data.decode("utf-8-sig")
            return cls(name, text, tomllib.loads(text))
        except UnicodeDecodeError as error:
            raise cls.error(f"{name}: not UTF-8", f"save the {cls.kind} as UTF-8 text") from error
        except RecursionError as error:
            raise cls.error(f"{name}: not TOML: nested too deeply", cls.form) from error
        except tomllib.TOMLDecodeError as error:
            position = re.search(r" \(at line (\d+), column \d+\)$", str(error))
            message = str(error)[: position.start()] if position else str(error)
            raise cls.error(
                f"{name}{f':{position[1]}' if position else ''}: not TOML: {message}",
                'write keys as `name = "text"`, dates as 2027-01-31 without quotes; see https://toml.io',
            ) from error

    def only(self, path: Path, table: dict[str, Any], keys: Sequence[str]) -> None:
        """Raise `error` if a table has a key that is not in `keys`."""
        for key in table:
            if key not in keys:
                self.fail((*path, key), f"unknown key{did_you_mean(key, keys)}", f"known keys: {', '.join(keys)}")

    def text(self, path: Path, value: object, expected: str = "a text in quotes that is not empty") -> str:
        """Return `value`. Raises `error` if it is not a text, or is blank."""
        if not isinstance(value, str) or not value.strip():
            self.wrong(path, value, expected)
        return value

    def flag(self, path: Path, value: object) -> bool:
        """Return `value`. Raises `error` if it is not true or false."""
        if not isinstance(value, bool):
            self.wrong(path, value, "true or false, without quotes")
        return value

    def wrong(self, path: Path, value: object, expected: str, close: str = "") -> NoReturn:
        """Raise `error` for a forbidden value; `expected` describes permitted values, `close` suggests a correction."""
        shown = json.dumps(value, ensure_ascii=False, default=str)
        self.fail(path, f"cannot be {shown}{close}", f"write {expected}")

    def fail(self, path: Path, problem: str, hint: str) -> NoReturn:
        """Raise `error` for the key at `path`."""
        raise self.error(f"{self.name}:{self.line(path)}: {'.'.join(path)}: {problem}", hint)

    def line(self, path: Path) -> int:
        """Return the line of a key, or of the nearest table around it."""
        while path not in self._lines and path:
            path = path[:-1]
        return self._lines.get(path, 1)


_CLOSING: Final = ('"""', "'''", "]", "}")


def _lines(text: str) -> Iterator[tuple[Path, int]]:
    """Yield each key of a valid TOML text with its line (1-based).

    A TOML file is a list of statements; each ends at the end of a line and belongs to the header before it. So each
    statement can be parsed separately.
    """
    header: Path = ()
    statement, start = "", 1
    lists: dict[Path, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not statement:
            start = number
        statement += f"{line}\n"
        # A statement of several lines ends with a closing sign. To try to parse at every line would be slow.
        if start != number and not any(sign in line for sign in _CLOSING):
            continue
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # the statement continues on the next line
        paths = list(_paths(parsed))
        if statement.lstrip().startswith("[["):
            lists[paths[-1]] = lists.get(paths[-1], 0) + 1
            header = (*paths[-1], str(lists[paths[-1]]))
            yield from ((path, start) for path in (*paths, header))
        elif statement.lstrip().startswith("["):
            header = paths[-1]
            yield from ((path, start) for path in paths)
        else:
            yield from (((*header, *path), start) for path in paths)
        statement = ""


def _paths(table: dict[str, Any]) -> Iterator[Path]:
    """Yield the path of each key, outer ones first."""
    for key, value in table.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *path) for path in _paths(value))
