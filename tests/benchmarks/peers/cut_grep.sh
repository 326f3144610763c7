#!/usr/bin/env bash
# The filter of the benchmark's command-line procedure, over all reports of a folder: cut_grep.sh REPORTS OUT_FILE
# It picks columns and leaves root out; what is unused is left to the reader.
set -euo pipefail
export LC_ALL=C
find "$1" -name '*.csv' -exec cut -d, -f1,4,5,6,9,10,11,14,15,16 {} + | grep -v '^<root_account>' > "$2"
