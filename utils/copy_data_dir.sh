#!/usr/bin/env bash
# Copy a data directory, optionally with a prefix or suffix on its ids. Replaces Kaldi's script of
# this name.
#
# Intended differences from Kaldi: the tables are sorted under their new ids; spaces inside a line stay
# as they are; without segments reco2file_and_channel is renamed like wav.scp.

spk_prefix=
utt_prefix=
spk_suffix=
utt_suffix=
validate_opts=

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 2 ]; then
  cat << EOM
Usage: $0 [options] <srcdir> <destdir>
e.g.:  $0 --spk-prefix 1- --utt-prefix 1- data/train data/train_1
Copies a data directory, optionally with a prefix or suffix added to its ids.
Options:
  --spk-prefix <prefix>   # prefix of speaker ids (default: none)
  --utt-prefix <prefix>   # prefix of utterance ids (default: none)
  --spk-suffix <suffix>   # suffix of speaker ids (default: none)
  --utt-suffix <suffix>   # suffix of utterance ids (default: none)
  --validate-opts <opts>  # options of validate_data_dir.sh, such as --non-print (default: none)
EOM
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
python3 -m moeasr.bin.copy_data_dir --script "$0" --spk-prefix="$spk_prefix" \
  --utt-prefix="$utt_prefix" --spk-suffix="$spk_suffix" --utt-suffix="$utt_suffix" \
  -- "$1" "$2" || exit 1

[ -f "$1/feats.scp" ] || validate_opts="$validate_opts --no-feats"
[ -f "$1/text" ] || validate_opts="$validate_opts --no-text"
# shellcheck disable=SC2086  # several options in one variable
exec "$root/utils/validate_data_dir.sh" $validate_opts "$2"
