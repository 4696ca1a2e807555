#!/usr/bin/env bash
# mini: 90 minutes of synthesised speech (what one says to a house), made here from nothing.
# From the first sound to the error rates of a Conformer with Mixture-of-Experts layers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Options: --name value on the command line. Paths start from this directory.
# -- of this corpus --
download_dir=downloads              # where the synthesised audio goes
corpus_opts=                        # more for local/make_corpus.py: "--seed 2 --num-train 300"
units=char                          # char, bpe or word
dict_opts=                          # more for moeasr.bin.make_dict: "--vocab-size 500"
test_sets="test"                    # sets to decode and score
average_num=3                       # how many of the best checkpoints are averaged
beam_size=10                        # hypotheses kept by the beam searches
# -- as in every recipe --
stage=0                             # first stage to run
stop_stage=5                        # last stage to run
nj=2                                # parallel jobs on the CPU
ngpu=0                              # GPUs to train on; 0 trains on the CPU
nproc=1                             # processes to train with on the CPU
num_threads=2                       # CPU threads of each training or decoding process
data_type=feats                     # feats (stored features), raw (audio files) or shard (tar files)
train_config=conf/u2pp_moe.yaml     # the experiment: model, data, training
train_opts=                         # more for moeasr.bin.train: "--set train.max_epochs=20"
exp_dir=                            # where it goes; by default exp/<name of the train config>
seed=777                            # of initialisation, batches and augmentation
decode_modes="ctc_greedy_search ctc_prefix_beam_search attention attention_rescoring joint_decoding" # searches
decoding_chunk_size="-1"            # frames after subsampling, a list; -1 sees the whole utterance

# shellcheck disable=SC2034 # parse_options.sh prints it
help_message="Usage: ./run.sh [--option value]...         (- and _ are the same in an option's name)
Stages: 0 data, 1 features, 2 dictionary, 3 training, 4 decoding, 5 scoring
Options and their defaults (paths start from the directory of run.sh):
$(sed -n 's/^\([a-z_]*\)=\(.*#\)/  --\1 \2/p' run.sh)"
. utils/parse_options.sh
fail() {
  echo "$0: $1" >&2
  exit 1
}
[ $# -eq 0 ] || fail "unexpected argument '$1' (options have the form --name value)"
for number in stage stop_stage nj ngpu nproc num_threads seed average_num beam_size; do
  [[ ${!number} =~ ^-?[0-9]+$ ]] || fail "--$number must be a whole number, but is '${!number}'"
done
for number in nj nproc num_threads average_num beam_size; do
  [[ ${!number} =~ ^0*[1-9] ]] || fail "--$number must be at least 1, but is ${!number}"
done
[[ $ngpu$seed != *-* ]] || fail "--ngpu and --seed must not be negative, but are $ngpu and $seed"
[[ $data_type =~ ^(feats|raw|shard)$ ]] ||
  fail "--data-type must be feats, raw or shard, but is '$data_type'"
[[ $units =~ ^(char|bpe|word)$ ]] || fail "--units must be char, bpe or word, but is '$units'"
[[ " $decoding_chunk_size" =~ ^(\ +-?[0-9]+)+\ *$ ]] ||
  fail "--decoding-chunk-size must be whole numbers, but is '$decoding_chunk_size'"
((stage <= stop_stage && stage <= 5 && stop_stage >= 0)) ||
  fail "of the stages 0 to 5, none is from --stage $stage to --stop-stage $stop_stage"
((stage > 3 || stop_stage < 3)) || [ -f "$train_config" ] ||
  fail "--train-config $train_config: no such file"
. ./cmd.sh
. ./path.sh

# shellcheck disable=SC2086 # test_sets is a list
eval_sets=$(printf '%s\n' dev $test_sets | sort -u)
exp_dir=${exp_dir:-exp/$(basename "$train_config" .yaml)}
device=cpu
[ "$ngpu" -eq 0 ] || { device=cuda nproc=$ngpu; }

run_stage() { # is stage $1, which does $2, to be run? If so, say so.
  [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ] && echo "== stage $1: $2"
}

# shellcheck disable=SC2206 # train_opts is a list
train=(--config "$train_config" --train-dir data/train_sp --dev-dir data/dev --data-type "$data_type"
  --dict-dir "data/lang_$units" --cmvn data/train_sp/global_cmvn --exp-dir "$exp_dir"
  --device "$device" --seed "$seed" --num-threads "$num_threads" $train_opts)
if ((stage <= 3 && stop_stage >= 3)); then # what stage 3 or 4 would refuse is refused now
  decode=(--modes "$decode_modes" --beam-size "$beam_size" --chunk-sizes="$decoding_chunk_size")
  ((stop_stage > 3)) || decode=()
  python3 -m moeasr.bin.check_experiment "${decode[@]}" -- "${train[@]}"
fi
for set in $test_sets; do
  ((stage <= 0)) || [ -d "data/$set" ] || fail "there is no data/$set; stage 0 makes the sets"
done

if run_stage 0 "data preparation"; then
  mkdir -p downloads
  # -- of this corpus --
  # shellcheck disable=SC2086 # corpus_opts is a list
  python3 local/make_corpus.py --corpus-dir "$download_dir/mini" --data-dir data --nj "$nj" \
    $corpus_opts
  # -- as in every recipe --
  for set in train $eval_sets; do
    utils/validate_data_dir.sh --no-feats --check-audio --text-units "$units" "data/$set"
  done
fi

if run_stage 1 "features, of the training set at three speeds"; then
  rm -rf data/train_sp && utils/data/perturb_data_dir_speed_3way.sh data/train data/train_sp
  for set in train_sp $eval_sets; do
    rm -f "data/$set"/{feats,shards}.scp "fbank/raw_fbank_$set".* # of an earlier run
    make=(--nj "$nj" --cmd "$train_cmd" --fbank-config conf/fbank.yaml "data/$set" "data/$set/log")
    case $data_type in
      feats) utils/make_fbank.sh "${make[@]}" fbank ;;
      raw) utils/make_raw.sh "${make[@]}" ;;
      shard) utils/make_shards.sh "${make[@]}" shards ;;
    esac
    utils/fix_data_dir.sh "data/$set"
  done
  python3 -m moeasr.bin.compute_cmvn --data-dir data/train_sp --data-type "$data_type" --nj "$nj" \
    --out data/train_sp/global_cmvn
fi

if run_stage 2 "dictionary, units: $units"; then
  # shellcheck disable=SC2086 # dict_opts is a list
  python3 -m moeasr.bin.make_dict --text data/train/text --type "$units" \
    --out-dir "data/lang_$units" $dict_opts
fi

if run_stage 3 "training of $train_config in $exp_dir"; then
  launch=(python3 -m)
  if [ "$nproc" -gt 1 ]; then
    launch=(python3 -m moeasr.bin.launch --standalone --nproc_per_node "$nproc" -m)
  fi
  utils/run_shown.sh "$cuda_cmd --gpu $ngpu" "$exp_dir/log/train.log" \
    "${launch[@]}" moeasr.bin.train "${train[@]}" # goes on from the last checkpoint if there is one
fi

if run_stage 4 "average of checkpoints, decoding"; then
  python3 -m moeasr.bin.average --exp-dir "$exp_dir" --num "$average_num" \
    --out "$exp_dir/averaged.pt"
  for set in $test_sets; do
    for chunk_size in $decoding_chunk_size; do
      utils/run_shown.sh "$decode_cmd --gpu $((ngpu > 0))" \
        "$exp_dir/log/decode_${set}_chunk$chunk_size.log" \
        python3 -m moeasr.bin.decode --checkpoint "$exp_dir/averaged.pt" --data-dir "data/$set" \
        --data-type "$data_type" --out-dir "$exp_dir/decode_$set" --modes "$decode_modes" \
        --chunk-size "$chunk_size" --beam-size "$beam_size" --device "$device" \
        --num-threads "$num_threads"
    done
  done
fi

if run_stage 5 "scoring"; then
  for set in $test_sets; do
    python3 -m moeasr.bin.score --data-dir "data/$set" --decode-dir "$exp_dir/decode_$set"
  done
  python3 -m moeasr.bin.results --exp-dir "$exp_dir"
  echo "== done in $SECONDS s: $(readlink -f "$exp_dir")/RESULTS.md, and results.json for programs"
fi
