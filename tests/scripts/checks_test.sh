#!/usr/bin/env bash
# checks_test.sh SOURCE: what scripts/lint looks at, and what scripts/checks says, in a small repository with tools that we pretend.
set -euo pipefail
source_folder=$(cd "$1" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

pretend() {  # pretend PROGRAM SCRIPT: it tells its arguments first
  mkdir -p "$(dirname "$1")"
  printf '#!/bin/bash\n[ $# = 0 ] || echo "%s" "$@" >> "%s/called"\n%s\n' "$(basename "$1")" "$folder" "$2" > "$1"
  chmod +x "$1"
}

# run SCRIPT ARGUMENT...: output, exit code and the calls of the tools are kept.
run() {
  code=0
  : > "$folder/called"
  PATH=$folder/bin:$PATH ASSAY_HOME=$folder/home "$folder/repository/scripts/$1" "${@:2}" > "$folder/out" 2>&1 || code=$?
}

fails() { echo "FAILED: $1"; cat "$folder/out" "$folder/called"; exit 1; }
expect_code() { [ "$code" = "$1" ] || fails "exit code $code, wanted $1"; }
said() { grep -qF -- "$1" "$folder/out" || fails "no '$1'"; }
called() { grep -qE -- "$1" "$folder/called" || fails "no call '$1'"; }
not_called() { ! grep -qE -- "$1" "$folder/called" || fails "a call '$1'"; }

repository=$folder/repository
mkdir -p "$repository/harness" "$repository/templates" "$folder/home"
cp -r "$source_folder/scripts" "$source_folder"/requirements*.txt "$repository"
for tool in clang-format-14 clang-tidy shellcheck ruff; do pretend "$folder/bin/$tool" 'exit 0'; done
environment=$folder/home/env-$(sha256sum "$repository/requirements.txt" | cut -c1-12)
pretend "$environment/bin/cmake" 'mkdir -p build/lint && touch build/lint/build.ninja'
pretend "$environment/bin/ninja" 'exit 0'
touch "$environment/.complete"

cd "$repository"
git init -q -b main
git config user.name a && git config user.email a@b
touch harness/old.cpp harness/both.cpp harness/both.h harness/alone.h templates/not.cpp tool.py
git add . && git commit -qm first

run lint
expect_code 0
said "no commit to compare with"
called 'clang-format-14 .*harness/old.cpp'
not_called 'templates/not.cpp'
called 'ruff check .*tool.py'
called 'shellcheck .*scripts/lint'
not_called 'clang-tidy'

echo >> harness/both.h && echo >> harness/alone.h && git commit -qam second && touch harness/new.cpp
run lint
expect_code 0
called 'clang-tidy .*harness/both.cpp'
called 'clang-tidy .*build/lint/generated/headers/harness/alone.h.cpp'
called 'clang-tidy .*harness/new.cpp'
not_called 'clang-tidy .*harness/old.cpp'
run lint --most 1
said "clang-tidy on 1 of 3 files"
run lint HEAD
not_called 'clang-tidy .*alone'
run lint --all
called 'clang-tidy .*harness/old.cpp'
run lint --no-tidy
expect_code 0
called 'clang-format-14'
not_called 'clang-tidy'
run lint --most few
expect_code 2

for tool in clang-format-14 clang-tidy shellcheck ruff; do
  pretend "$folder/bin/$tool" 'exit 1'
  run lint
  expect_code 1
  pretend "$folder/bin/$tool" 'exit 0'
done

run checks lint
expect_code 0
grep -qE 'lint: clean, [0-9]+ s, [0-9]+ \+ [0-9]+ s of processors' "$folder/out" || fails "no times"
pretend "$folder/bin/clang-tidy" 'exit 1'
run checks lint
expect_code 1
said "lint: FAILED, "
export CLANG=clang++-of-nobody
run checks fuzz
expect_code 3
said "fuzz: NOT RUN, this machine lacks clang++-of-nobody: run ./scripts/setup --checks"
run checks fuzz lint
expect_code 1
run checks everything
expect_code 2
said "unknown part 'everything'"
echo "all as expected"
