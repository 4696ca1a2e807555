#!/usr/bin/env bash
# Every test and check of this checkout, in an environment that is made if there is none.
#
# Usage: test/run.sh [--fast] [pytest arguments]   e.g. test/run.sh -x -k fbank test/features
#   --fast   # leave out the tests marked slow and the repetitions with other processor settings
# With pytest arguments, there are no repetitions either: only the tests that they choose run.
# Tests run on all cores, one file at a time on each; `-n 0` runs them one after another.
# Exit status: 0 if everything passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

is_fast=false selection=()
if [ "${1:-}" = --fast ]; then
  is_fast=true selection=(-m "not slow")
  shift
fi

# shellcheck disable=SC2034 # activate.sh reads it
moeasr_needs=dev
# shellcheck source=../tools/activate.sh
. tools/activate.sh

failed=()
check() { # check <name> <command>...: run it, remember whether it failed
  echo "== $1"
  "${@:2}" || failed+=("$1")
}

# What git knows, so that recipes of one's own are left alone.
mapfile -d '' -t modules < <(python3 test/helpers/known_files.py '**/*.py' 'utils/**/*.pl')
mapfile -d '' -t scripts < <(python3 test/helpers/known_files.py '**/*.sh' '.ci/*')
check "ruff check of ${#modules[@]} files" python3 -m ruff check --quiet "${modules[@]}"
check "ruff format" python3 -m ruff format --quiet --check "${modules[@]}"
check "shellcheck of ${#scripts[@]} scripts" shellcheck "${scripts[@]}"
# A file's tests share fixtures and stay in one process; conftest.py puts the slow files first.
check "pytest" python3 -m pytest -n auto --dist loadfile --no-loadscope-reorder \
  "${selection[@]}" "$@"

# Numbers must be right in the instructions of every processor, not only of this one.
if ! $is_fast && [ $# -eq 0 ]; then
  processors=(ATEN_CPU_CAPABILITY=default ATEN_CPU_CAPABILITY=avx2
    MKL_ENABLE_INSTRUCTIONS=SSE4_2 ONEDNN_MAX_CPU_ISA=AVX2)
  numeric=(test/nn test/moe test/interop test/features/test_fbank.py test/models/test_inference.py
    test/decode/ctc/test_prefix_beam.py::test_padding_and_other_utterances_of_the_batch_do_not_matter)
  check "numeric tests with each of ${processors[*]}" python3 -m pytest --quiet \
    --dist each "${processors[@]/#/--tx=popen//env:}" "${numeric[@]}"
fi

if [ ${#failed[@]} -gt 0 ]; then
  printf '== FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "== all passed"
