# shellcheck shell=bash
# Sourced by egs/*/path.sh and test/run.sh. Puts a python3 with all packages that moeasr needs first on
# PATH, and this checkout first on PYTHONPATH. An active environment with these packages is used
# unchanged. Otherwise tools/venv is used, and created if it does not exist or is out of date.
#
# Reads: moeasr_needs   further packages, or extras of setup.py, that the caller needs (may be unset)

moeasr_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# This checkout takes precedence over another one that is installed in the environment.
export PYTHONPATH="$moeasr_root${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONUNBUFFERED=1
# Kaldi's tables are sorted as bytes, as in the locale C, which every machine has. Python still reads
# and writes UTF-8.
export LC_ALL=C PYTHONUTF8=1

# shellcheck disable=SC2086 # moeasr_needs is a list
if ! python3 "$moeasr_root/tools/check_env.py" ${moeasr_needs:-} >/dev/null 2>&1; then
  # does nothing if tools/venv is complete and up to date
  "$moeasr_root/tools/install.sh" </dev/null || return 1
  export VIRTUAL_ENV="$moeasr_root/tools/venv"
  export PATH="$VIRTUAL_ENV/bin:$PATH"
  unset PYTHONHOME
fi

# flac, sph2pipe and sox for data preparation scripts that call them, also by the path that sph2pipe
# has in Kaldi. They are last on PATH, so that installed programs take precedence.
export PATH="$PATH:$moeasr_root/utils/decoders"
export KALDI_ROOT="${KALDI_ROOT:-$moeasr_root/utils/decoders}"
