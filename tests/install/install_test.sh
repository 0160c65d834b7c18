#!/usr/bin/env bash
# install_test.sh CMAKE BUILD: an installed tree works after it was moved, far from source and build.
set -euo pipefail
cmake=$1 build=$2
sources=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

expect() {  # expect WHAT COMMAND...
  local what=$1
  shift
  "$@" > "$folder/out" 2> "$folder/err" || { echo "FAILED: $what: $*"; cat "$folder/out" "$folder/err"; exit 1; }
}

# said TEXT: the command before printed it.
said() {
  grep -q -- "$1" "$folder/out" || { echo "FAILED: no '$1' in:"; head -c 2000 "$folder/out"; exit 1; }
}

expect "installing" "$cmake" --install "$build" --prefix "$folder/first"
mv "$folder/first" "$folder/moved"
tree=$folder/moved
for file in bin/assay bin/assay-worker share/assay/experiments/quickstart.toml share/assay/hardware_profiles/cpu.toml \
            share/assay/datasets/news.toml share/assay/datasets/suites/news-ppl.toml \
            share/assay/claims/metrics.toml share/assay/claims/papers/dejavu.toml share/assay/methods/wanda/claims.toml \
            share/assay/models/smollm2-135m.toml share/assay/python/assay_tools/__main__.py; do
  expect "$file is installed" test -e "$tree/$file"
done

# Nothing of this shell's environment helps; the cache is a fresh one.
clean=(env -i HOME="$folder" PATH=/usr/bin:/bin ASSAY_HOME="$folder/home")
expect "the worker finds LibTorch" "${clean[@]}" "$tree/bin/assay-worker" --describe
said '"methods"'
for list in methods suites profiles datasets models; do
  expect "assay list $list" "${clean[@]}" "$tree/bin/assay" list $list
done
expect "assay list methods names wanda" "${clean[@]}" "$tree/bin/assay" list methods
said wanda

expect "published values are found" "${clean[@]}" "$tree/bin/assay" reproduce --list
said wanda
said dejavu

ldd "$tree/bin/assay" > "$folder/libraries"
if grep -E 'torch|libc10|cuda' "$folder/libraries"; then
  echo "FAILED: assay links LibTorch"
  exit 1
fi

# A method that is no part of assay: written, built against the moved tree, checked and run as it stands. A compiler needs PATH.
expect "assay method new" "${clean[@]}" "$tree/bin/assay" method new out_of_tree --into "$folder/out_of_tree"
expect "its plug-in is configured" "$cmake" -S "$folder/out_of_tree" -B "$folder/out_of_tree/build" "-DCMAKE_PREFIX_PATH=$tree"
expect "its plug-in is built" "$cmake" --build "$folder/out_of_tree/build"
plugin=$folder/out_of_tree/build/libout_of_tree.so
expect "its lines beyond mathematics" "$sources/scripts/method_lines" "$folder/out_of_tree" --at-most 60
expect "it conforms" "${clean[@]}" "$tree/bin/assay" method test --plugin "$plugin"
said "method out_of_tree: conforms"
cat > "$folder/out_of_tree/tiny.toml" << TOML
[experiment]
name = "tiny"
plugins = ["build/libout_of_tree.so"]
[[model]]
id = "$sources/tests/data/model/opt"
[[method]]
id = "dense"
[[method]]
id = "out_of_tree"
sparsity = 0.5
[[suite]]
id = "decode"
prompt_tokens = 8
new_tokens = 4
measured_calls = 1
TOML
expect "it runs" "${clean[@]}" "$tree/bin/assay" run "$folder/out_of_tree/tiny.toml" --db "$folder/tiny.db"
said "out_of_tree 50%"
expect "a built-in method is checked" "${clean[@]}" "$tree/bin/assay" method test dense
