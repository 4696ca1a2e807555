#!/usr/bin/env bash
# Create tools/venv, a Python environment with all packages that moeasr, its recipes and its tests
# need. It requires Python 3.10 or newer and a package index, but neither root nor a compiler. It may be
# stopped and started again. It does nothing if the environment is complete, and setup.py and the
# versions in tools/constraints.txt have not changed since.
#
# Usage: tools/install.sh [--latest]   (PYTHON=/path/to/python3 tools/install.sh chooses the Python)
#   --latest  # newest versions that setup.py allows, instead of those that moeasr is tested with
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/tools/venv
marker=$venv/.complete
constraints=$root/tools/constraints.txt
# The path is included, because an environment does not work after it was moved or copied.
tested="$(cksum <"$root/setup.py") $(cksum <"$constraints") $venv"
latest="$(cksum <"$root/setup.py") latest $venv"
case $* in
  "") wanted=$tested versions=(--constraint "$constraints") ;;
  --latest) wanted=$latest versions=(--upgrade --upgrade-strategy eager) ;;
  *)
    echo "Usage: $0 [--latest]" >&2
    exit 1
    ;;
esac

is_whole() { # an environment created with --latest is kept until --latest is given again
  [ "$wanted" = "$tested" ] && [ -f "$marker" ] || return 1
  [ "$(cat "$marker")" = "$tested" ] || [ "$(cat "$marker")" = "$latest" ]
}

is_whole && exit 0

# Two recipes that are started together must not install into the same environment.
if command -v flock >/dev/null; then
  exec 9>"$root/tools/.install.lock"
  if ! flock --nonblock 9; then
    echo "== waiting for another process that creates the Python environment $venv" >&2
    flock 9
  fi
  is_whole && exit 0
fi

is_new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ] && ! is_new_enough "$PYTHON"; then
  echo "$0: PYTHON=$PYTHON is not Python 3.10 or newer" >&2
  exit 1
fi
python=
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python3.10; do
  if is_new_enough "$candidate"; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "$0: Python 3.10 or newer is required, but python3 is $(python3 --version 2>&1 || true)." \
    "Install it, or give its path: PYTHON=/path/to/python3 $0" >&2
  exit 1
fi

echo "== creating the Python environment $venv: about 5 GB, some minutes, only once" >&2
rm -f "$marker"
# One that was left half-made is gone on with, unless its Python does not run from this place.
prefix=$("$venv/bin/python" -c 'import pip, sys; print(sys.prefix)' 2>/dev/null || true)
if [ "$prefix" != "$venv" ] || ! is_new_enough "$venv/bin/python"; then
  "$python" -m venv --clear "$venv" || {
    echo "$0: $python cannot create environments; on Debian and Ubuntu, install python3-venv" >&2
    exit 1
  }
fi
free_on() { # free_on <directory>
  df -Pk "$1" | awk 'NR == 2 { printf "%.1f GB", $4 / 1e6 }'
}
# keep what pip prints in a log, and show the current line on a terminal
follow_pip() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line" >&4
    [ ! -t 2 ] || printf '\r\033[K   %.75s' "$line" >&2
  done 4>"$log"
  [ ! -t 2 ] || printf '\r\033[K' >&2
}

log=$venv/install.log
# -e: the environment's moeasr is this checkout, whatever is changed in it later
"$venv/bin/python" -m pip install --disable-pip-version-check --no-input "${versions[@]}" \
  -e "${root}[dev]" 2>&1 | follow_pip || {
  tail -n 20 "$log" >&2
  if grep -q "No space left on device" "$log"; then
    echo "$0: a disk is full: $venv needs 5.5 GB and has $(free_on "$venv") left;" \
      "${TMPDIR:-/tmp} needs 2.5 GB more and has $(free_on "${TMPDIR:-/tmp}") left." \
      "Make room, or set TMPDIR to a directory on another disk" >&2
  fi
  echo "$0: pip could not install the packages (see above and $log); run it again to go on" >&2
  exit 1
}
# Packages can be installed and still fail to load.
"$venv/bin/python" -c 'import torch, torchaudio, soundfile, sentencepiece' >&2
"$venv/bin/python" "$root/tools/check_env.py" dev
echo "$wanted" >"$marker.new"
mv "$marker.new" "$marker"
echo "== the Python environment is ready" >&2
