#!/usr/bin/env bash
# Three-way speed perturbation (0.9, 1.0, 1.1) of a data directory. Replaces Kaldi's script of this
# name. No sox and no Kaldi binary is needed; see ../perturb_data_dir_speed.sh.

always_include_prefix=false
include_spk_prefix=true

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
utils=$root/utils
# shellcheck source=utils/parse_options.sh
. "$utils/parse_options.sh"

if [ $# != 2 ]; then
  cat << EOM
Usage: perturb_data_dir_speed_3way.sh [options] <srcdir> <destdir>
e.g.:  $0 data/train data/train_sp
Writes a data directory with each utterance at the speeds 0.9, 1.0 and 1.1. It is an error if
<destdir>/feats.scp exists.
Options:
  --always-include-prefix <true|false>  # prefix sp1.0- of ids at the original speed, which can
                                        # solve problems of sorting (default: false)
  --include-spk-prefix <true|false>     # speed as a prefix of speaker and utterance ids (sp0.9-x),
                                        # or only as a suffix of utterance ids (x-sp0.9)
                                        # (default: true)
EOM
  exit 1
fi

srcdir=$1
destdir=${2%/}

if [ ! -f "$srcdir/wav.scp" ]; then
  echo "$0: the file $srcdir/wav.scp does not exist" >&2
  exit 1
fi
if [ -f "$destdir/feats.scp" ]; then
  echo "$0: $destdir/feats.scp already exists; delete it to write this data directory again" >&2
  exit 1
fi

parts=()
trap 'rm -rf ${parts[@]+"${parts[@]}"}' EXIT

"$utils/fix_data_dir.sh" "$srcdir" || exit 1
for factor in 0.9 1.1; do
  part=${destdir}_speed$factor
  parts+=("$part")
  "$utils/perturb_data_dir_speed.sh" --include-spk-prefix "$include_spk_prefix" \
    "$factor" "$srcdir" "$part" || exit 1
done
original=$srcdir
if $always_include_prefix; then
  original=${destdir}_speed1.0
  parts+=("$original")
  "$utils/copy_data_dir.sh" --spk-prefix sp1.0- --utt-prefix sp1.0- --validate-opts --non-print \
    "$srcdir" "$original" || exit 1
fi
"$utils/combine_data.sh" "$destdir" "$original" "${parts[0]}" "${parts[1]}" || exit 1

if [ "${MOEASR_QUIET:-0}" = 1 ]; then
  echo "$destdir: the utterances of $srcdir at speeds 0.9, 1.0 and 1.1"
else
  echo "$0: generated 3-way speed-perturbed version of data in $srcdir, in $destdir"
fi
if ! "$utils/validate_data_dir.sh" --no-feats --no-text "$destdir"; then
  echo "$0: $destdir is not valid (see above). If the order of ids is wrong, try the option" \
    "--always-include-prefix true." >&2
  exit 1
fi
