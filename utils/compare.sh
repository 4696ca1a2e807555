#!/usr/bin/env bash
# Train, decode and score a list of systems, each with several seeds, and compare them in one table.
# It runs `moeasr compare` in the environment of the recipe in the working directory. For example:
#
#   cd egs/an4 && utils/compare.sh --jobs 2 --run-opts "--num-threads 1" conf/compare.list
#
# --help lists the options. In their names, - and _ are equivalent.

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
# shellcheck disable=SC1091 # the recipe has this file
if [ -f path.sh ]; then . ./path.sh || exit 1; fi
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
options=()
# a value may begin with -; --exp-dirs takes several values
while [[ ${1:-} =~ ^--[a-z_-]+$ && ! $1 =~ ^--(help|exp[_-]dirs)$ && $# -ge 2 ]]; do
  options+=("${1//_/-}=$2")
  shift 2
done
exec python3 -m moeasr compare ${options[@]+"${options[@]}"} "${@/#--exp_dirs/--exp-dirs}"
