from pathlib import Path

from tests.make_sample_reports import main

FOLDER = Path(__file__).resolve().parent.parent / "sample_reports"


def test_the_samples_equal_the_output_of_the_script(tmp_path: Path) -> None:
    main(tmp_path)
    generated = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    stored = {
        path.relative_to(FOLDER): path.read_bytes()
        for path in FOLDER.rglob("*")
        if path.is_file() and path.suffix in {".csv", ".json"}
    }
    assert generated == stored


def test_every_sample_is_in_its_readme() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in FOLDER.rglob("*"):
        if path.suffix in {".csv", ".json"}:
            folder = path.relative_to(FOLDER).parts[0]
            assert folder in text
            assert path.stem.removeprefix("credentialReport_") in text
