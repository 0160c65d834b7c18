#!/usr/bin/env bash
# setup_test.sh SOURCE: scripts/setup says why it cannot go on and what helps, on machines that we
# pretend to be on by putting other programs first in PATH.
set -euo pipefail
source_folder=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

pretend() {  # pretend PROGRAM SCRIPT
  printf '#!/bin/bash\n%s\n' "$2" > "$folder/bin/$1"
  chmod +x "$folder/bin/$1"
}

# run_setup: with the pretended programs and an empty cache; output and exit code are kept.
run_setup() {
  code=0
  PATH=$folder/bin:$PATH ASSAY_HOME=$folder/home "$source_folder/scripts/setup" "$@" > "$folder/out" 2>&1 || code=$?
}

expect() {  # expect CODE TEXT...
  local wanted=$1 text
  shift
  [ "$code" = "$wanted" ] || { echo "FAILED: exit code $code, wanted $wanted"; cat "$folder/out"; exit 1; }
  for text in "$@"; do
    grep -qF -- "$text" "$folder/out" || { echo "FAILED: no '$text' in:"; cat "$folder/out"; exit 1; }
  done
}

fresh() {
  rm -rf "${folder:?}/bin" "${folder:?}/home"
  mkdir -p "$folder/bin"
  pretend dpkg-query 'echo -n "install ok installed"'
}

fresh
pretend uname 'echo aarch64'
run_setup
expect 3 "this machine is aarch64" "what helps: use an x86-64 machine"

fresh
pretend dpkg-query 'case "$*" in *libhwy-dev*) exit 1;; *) echo -n "install ok installed";; esac'
pretend id 'echo 1000'
pretend apt-get 'exit 100'
pretend sudo 'shift 0; exec "$@"'
run_setup
expect 3 "installing Debian packages: libhwy-dev" "apt-get update failed" "check the network"

# valgrind and what checks need are asked for by name only.
fresh
pretend dpkg-query 'case "$*" in *valgrind*|*clang-tidy*) exit 1;; *) echo -n "install ok installed";; esac'
pretend id 'echo 1000'
pretend apt-get 'exit 100'
pretend sudo 'shift 0; exec "$@"'
run_setup --callgrind
expect 3 "installing Debian packages: valgrind" "apt-get update failed"
run_setup --checks
expect 3 "installing Debian packages: clang-tidy" "apt-get update failed"
run_setup --checks --callgrind
expect 3 "installing Debian packages: clang-tidy valgrind" "apt-get update failed"

fresh
pretend python3 'case "$2" in -c) exit 1;; *) echo "Python 3.9.2";; esac'
run_setup
expect 3 "python3 is Python 3.9.2" "Python 3.11 or newer"

fresh
pretend df 'echo header; echo "/dev/x 9 9 5 50% /"'
run_setup
expect 3 "5 GB free at $folder/home" "set ASSAY_HOME to a bigger disk"

# A failed installation leaves no environment that looks complete, and the next run starts again.
fresh
pretend python3 'case "$2 $3" in "-m venv") mkdir -p "$4/bin"; printf "#!/bin/bash\nexit 1\n" > "$4/bin/python"; chmod +x "$4/bin/python";; *) exit 0;; esac'
pretend df 'echo header; echo "/dev/x 9 9 500 50% /"'
run_setup
expect 3 "pip could not install" "check that PyPI can be reached"
run_setup
expect 3 "making $folder/home/env-" "pip could not install"

fresh
run_setup --everything
expect 2 "unknown argument '--everything'"
echo "all as expected"
