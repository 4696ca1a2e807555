#!/usr/bin/env bash
# Three-way speed perturbation (0.9, 1.0, 1.1) of a data directory: Kaldi's script of this name.
# No sox and no Kaldi binary is needed; see ../perturb_data_dir_speed.sh.

always_include_prefix=false
include_spk_prefix=true

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
utils=$root/utils
# shellcheck source=utils/parse_options.sh
. "$utils/parse_options.sh"

if [ $# != 2 ]; then
  cat << EOM
Usage: perturb_data_dir_speed_3way.sh <srcdir> <destdir>
Applies standard 3-way speed perturbation using factors of 0.9, 1.0 and 1.1.
e.g.:
 $0 [options] data/train data/train_sp
Note: if <destdir>/feats.scp already exists, this will refuse to run.
Options:
    --always-include-prefix [true|false]   # default: false.  If set to true,
                                           # it will add the prefix 'sp1.0-' to
                                           # utterance and speaker-ids for data at
                                           # the original speed.  Can resolve
                                           # issues RE data sorting.
    --include-spk-prefix [true|false]      # default: true. If set to false, the ids
                                           # of speakers stay as they are, and those of
                                           # utterances get a suffix.
EOM
  exit 1
fi

srcdir=$1
destdir=${2%/}

if [ ! -f "$srcdir/wav.scp" ]; then
  echo "$0: expected $srcdir/wav.scp to exist" >&2
  exit 1
fi
if [ -f "$destdir/feats.scp" ]; then
  echo "$0: $destdir/feats.scp already exists: refusing to run this (please delete" \
    "$destdir/feats.scp if you want this to run)" >&2
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
  echo "$0: Validation failed.  If it is a sorting issue, try the option" \
    "'--always-include-prefix true'." >&2
  exit 1
fi
