#!/usr/bin/env bash
# The made-up database that reports are measured on has the schema of today, and is reported.
#
#   report_database_test.sh PROJECT ASSAY
set -euo pipefail
project=$1 assay=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 "$project/scripts/report/make_database.py" "$folder/big.db" --cells 80
"$assay" report "$folder/big.db" --format csv -o "$folder/report.csv"
grep -q "made up to be" "$folder/report.csv"
[ "$(grep -c token_ppl "$folder/report.csv")" -ge 10 ]
