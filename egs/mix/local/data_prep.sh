#!/usr/bin/env bash
# Prepare data/{train,dev,test_<corpus>...} of several corpora, each by its own recipe's preparation.
#
# Utterances and speakers get the corpus's name in front (an4-fash-...), transcripts are put in upper
# case, audio is read at 16 kHz, utt2lang says the language of each utterance and utt2dom its corpus.
# train and dev hold all corpora, each test set one.
#
# Example:
#   local/data_prep.sh --download-dir downloads --unpack-dir downloads --data-dir data
set -euo pipefail

download_dir=downloads                      # has the corpora or archives of them, or gets them
unpack_dir=downloads                        # where archives are unpacked
data_dir=data                               # where the sets are written
corpora="an4 speechocean762 fsdd aishell"   # recipes beside this one
. utils/parse_options.sh
# shellcheck source=egs/mix/path.sh
. ./path.sh

language_of() {
  case $1 in
    aishell) echo zh ;;
    *) echo en ;;
  esac
}

combined() { # combined <set> <directory>...: data of all corpora
  utils/combine_data.sh --extra-files "utt2dom" "$data_dir/$1" "${@:2}"
}

train=() dev=()
for corpus in $corpora; do
  prep=../$corpus/local/data_prep.py
  [ -f "$prep" ] || { echo "$0: --corpora: there is no recipe $corpus with local/data_prep.py" >&2; exit 1; }
  echo "$0: $corpus"
  python3 "$prep" --download-dir "$download_dir" --unpack-dir "$unpack_dir" \
    --data-dir "$data_dir/corpora/$corpus"
  for set in train dev test; do
    source=$data_dir/corpora/$corpus/$set
    target=$data_dir/corpora/$set-$corpus
    rm -rf "$target"
    utils/copy_data_dir.sh --spk-prefix "$corpus-" --utt-prefix "$corpus-" \
      --validate-opts "--no-feats" "$source" "$target"
    [ "$corpus" != fsdd ] || utils/data/resample_data_dir.sh 16000 "$target"
    awk '{for (i = 2; i <= NF; i++) $i = toupper($i); print}' "$target/text" > "$target/text.upper"
    mv "$target/text.upper" "$target/text"
    awk -v language="$(language_of "$corpus")" '{print $1, language}' "$target/utt2spk" > "$target/utt2lang"
    awk -v corpus="$corpus" '{print $1, corpus}' "$target/utt2spk" > "$target/utt2dom"
  done
  train+=("$data_dir/corpora/train-$corpus")
  dev+=("$data_dir/corpora/dev-$corpus")
  combined "test_$corpus" "$data_dir/corpora/test-$corpus"
done
combined train "${train[@]}"
combined dev "${dev[@]}"
