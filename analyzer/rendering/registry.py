"""The names a user can choose from, where the command line (which loads nothing heavy) and the writers see them."""

from typing import Final

FORMATS: Final = ("parquet", "excel", "charts", "remediation")
DEFAULT_FORMATS: Final = ("parquet", "excel", "charts")
TABLES: Final = ("findings", "credentials", "users", "issues")
ENGINES: Final = ("local", "dask")
