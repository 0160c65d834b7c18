# shellcheck shell=bash disable=SC2034
# Shared by the scripts of this folder; sourced, never run.
# Defines: ROOT, ASSAY_HOME, ENVIRONMENT (folder of the Python environment), ccache's settings, say, fail, jobs, configure.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ASSAY_HOME=${ASSAY_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/assay}
export ASSAY_HOME

# One environment a lock file: clones with the same pins share it, a changed pin makes a new one.
lock_id() { sha256sum "$1" | cut -c1-12; }
ENVIRONMENT=$ASSAY_HOME/env-$(lock_id "$ROOT/requirements.txt")
REPORT_LIBRARY=$ASSAY_HOME/report-$(lock_id "$ROOT/requirements-report.txt")
SEARCH_LIBRARY=$ASSAY_HOME/search-$(lock_id "$ROOT/requirements-search.txt")
PEERS=$ASSAY_HOME/peers-$(lock_id "$ROOT/requirements-peers.txt")
WHEEL_LIBRARY=$ASSAY_HOME/wheel-$(lock_id "$ROOT/requirements-wheel.txt")
CHECKS_LIBRARY=$ASSAY_HOME/checks-$(lock_id "$ROOT/requirements-checks.txt")

# Paths are stored relative to the clone, so that a second clone finds what the first compiled.
export CCACHE_DIR=${CCACHE_DIR:-$ASSAY_HOME/ccache}
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$ROOT}
export CCACHE_NOHASHDIR=1
export CCACHE_PCH_EXTSUM=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }

# fail REASON REMEDY: the last lines of a script that cannot go on.
fail() {
  printf '%s: cannot go on: %s\n' "$(basename "$0")" "$1" >&2
  printf '%s: what helps: %s\n' "$(basename "$0")" "$2" >&2
  exit 3
}

# A compiler of LibTorch's headers takes up to 1.5 GB: memory limits the jobs as much as cores do.
jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 1500000)}' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  echo $((cores < memory ? cores : memory))
}

# configure PRESET: the folder build/PRESET, with the environment's Python, CMake and ninja, which come into PATH.
configure() {
  local folder=build/$1
  [ -e "$ENVIRONMENT/.complete" ] || fail "no Python environment at $ENVIRONMENT" "run ./scripts/setup"
  export PATH=$ENVIRONMENT/bin:$PATH
  cd "$ROOT" || return
  # An unchanged build folder needs no new look at the machine; ninja reconfigures by itself when a
  # CMake file changed.
  if ! grep -qsxF "ASSAY_PYTHON:FILEPATH=$ENVIRONMENT/bin/python" "$folder/CMakeCache.txt" || [ ! -e "$folder/build.ninja" ]; then
    mkdir -p build
    say "configuring $folder"
    cmake --preset "$1" -DASSAY_PYTHON="$ENVIRONMENT/bin/python" -UASSAY_TORCH_DIR > "$folder.log" 2>&1 ||
      { tail -n 30 "$folder.log" >&2; fail "CMake failed (all of it: $folder.log)" "read the lines above"; }
  fi
}
