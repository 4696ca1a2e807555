# shellcheck shell=bash
# Sourced by egs/*/path.sh and test/run.sh: puts a python3 that has what moeasr needs first on PATH,
# and this checkout first on PYTHONPATH. An environment that is active already and has the packages
# is used as it is; otherwise tools/venv is, and is made if it is absent or out of date.
#
# Reads: moeasr_needs   further packages, or extras of setup.py, that the caller needs (may be unset)

moeasr_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Never another checkout's moeasr, even if the environment has one installed.
export PYTHONPATH="$moeasr_root${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONUNBUFFERED=1
# Kaldi's tables are sorted as bytes, and C is the one locale that every machine has; Python reads
# and writes UTF-8 all the same.
export LC_ALL=C PYTHONUTF8=1

# shellcheck disable=SC2086 # moeasr_needs is a list
if ! python3 "$moeasr_root/tools/check_env.py" ${moeasr_needs:-} >/dev/null 2>&1; then
  # a no-op when tools/venv is whole and up to date
  "$moeasr_root/tools/install.sh" </dev/null || return 1
  export VIRTUAL_ENV="$moeasr_root/tools/venv"
  export PATH="$VIRTUAL_ENV/bin:$PATH"
  unset PYTHONHOME
fi

# Last on PATH, so that what is installed wins: flac, sph2pipe and sox for preparation scripts that
# ask for them, also by the path that sph2pipe has in Kaldi.
export PATH="$PATH:$moeasr_root/utils/decoders"
export KALDI_ROOT="${KALDI_ROOT:-$moeasr_root/utils/decoders}"
