# shellcheck shell=bash
# The part of run.sh that all recipes share: options, --help, checks, environment, and functions and
# lists for the stages. run.sh sources this file in its own directory, after the settings for its
# corpus (download_dir units dict_opts test_sets average_num beam_size):
#
#   units=char                          # type of units: char, bpe or word
#   . utils/recipe.sh
#   if run_stage 2 "dictionary, units: $units"; then
#     run python3 -m moeasr.bin.make_dict --text data/train/text --type "$units" ...
#   fi
#
# To add an option to all recipes, add a line below "# Options" and, if a command takes it, a word to
# the list of that command's options. To add a stage, add its name to stage_names and a block to each
# run.sh.
# shellcheck disable=SC2034,SC2154 # run.sh defines the settings and uses the lists

# Options: --name value on the command line.
stage=0                             # first stage to run
stop_stage=5                        # last stage to run; 6 also exports the model to ONNX
dry_run=false                       # true: print the commands of the stages without running them
verbose=false                       # true: print the messages of every script of a stage
nj=2                                # number of parallel jobs on the CPU
ngpu=0                              # number of GPUs for training; 0 trains on the CPU
nproc=1                             # number of processes for training on the CPU
nnodes=1                            # number of machines that train together; start run.sh on each of them
node_rank=0                         # number of this machine, from 0; machine 0 runs all stages, the others only stage 3
rdzv_endpoint=                      # host:port of machine 0, to which the other machines connect, such as node1:29500
rdzv_wait=600                       # seconds to wait for the other machines
num_threads=2                       # number of CPU threads of each training or decoding process
data_type=feats                     # feats (stored features), raw (audio files) or shard (tar files)
corpus_opts=                        # further options of local/data_prep.py (see its --help)
train_config=conf/u2pp_moe.yaml     # config of the experiment: model, data, training
train_opts=                         # further options of moeasr.bin.train, such as "--set train.max_epochs=20"
export_opts=                        # further options of moeasr.bin.export, such as "--chunk-size 8"
exp_dir=                            # directory of the experiment (default: exp/<train config>)
seed=777                            # seed of initialisation, batches and augmentation
decode_modes="ctc_greedy_search ctc_prefix_beam_search attention attention_rescoring joint_decoding" # decoding modes
decoding_chunk_size="-1"            # chunk sizes in encoder frames; -1 is the whole utterance

stage_names=("0 data" "1 features" "2 dictionary" "3 training" "4 decoding" "5 scoring" "6 export")
last_stage=$((${#stage_names[@]} - 1))
help_message="Usage: ./run.sh [--option value]...         (- and _ are the same in an option's name)
Stages: $(printf '%s, ' "${stage_names[@]}" | sed 's/, $//')
Options and their defaults (paths start from the directory of run.sh):
$(sed -n '1,/^ *\. utils\/recipe.sh/s/^\([a-z_]*\)=\(.*#\)/  --\1 \2/p' run.sh)
$(sed -n '/^# Options/,/^$/s/^\([a-z_]*\)=\(.*#\)/  --\1 \2/p' utils/recipe.sh)"
. utils/parse_options.sh

fail() {
  echo "$0: $1" >&2
  exit 1
}

[ $# -eq 0 ] || fail "unexpected argument '$1' (options have the form --name value)"
for number in stage stop_stage nj ngpu nproc nnodes node_rank rdzv_wait num_threads seed average_num beam_size; do
  [[ ${!number} =~ ^-?(0|[1-9][0-9]*)$ ]] || fail "--$number must be a whole number, but is '${!number}'"
done
for number in nj nproc nnodes rdzv_wait num_threads average_num beam_size; do
  [[ ${!number} =~ ^[1-9] ]] || fail "--$number must be at least 1, but is ${!number}"
done
[[ $ngpu$seed != *-* ]] || fail "--ngpu and --seed must not be negative, but are $ngpu and $seed"
((node_rank >= 0 && node_rank < nnodes)) ||
  fail "--node-rank must be from 0 to $((nnodes - 1)) for --nnodes $nnodes, but is $node_rank"
[ "$nnodes" -eq 1 ] || [ -n "$rdzv_endpoint" ] ||
  fail "--nnodes $nnodes requires --rdzv-endpoint, the host:port of machine 0"
[[ -z $rdzv_endpoint || $rdzv_endpoint =~ ^([^:/ ]+|\[[0-9a-fA-F:]+\]):[0-9]+$ ]] ||
  fail "--rdzv-endpoint must be host:port, but is '$rdzv_endpoint'"
[[ $data_type =~ ^(feats|raw|shard)$ ]] ||
  fail "--data-type must be feats, raw or shard, but is '$data_type'"
[[ $units =~ ^(char|bpe|word)$ ]] || fail "--units must be char, bpe or word, but is '$units'"
((stage > 2 || stop_stage < 2)) || [[ $units != bpe || $dict_opts =~ --(vocab[-_]size|extend) ]] ||
  fail "--units bpe requires a number of units, such as --dict-opts '--vocab-size 500'"
[[ " $decoding_chunk_size" =~ ^(\ +-?[0-9]+)+\ *$ ]] ||
  fail "--decoding-chunk-size must be whole numbers, but is '$decoding_chunk_size'"
((stage <= stop_stage && stage <= last_stage && stop_stage >= 0)) ||
  fail "of the stages 0 to $last_stage, none is from --stage $stage to --stop-stage $stop_stage"
((node_rank == 0 || (stage <= 3 && stop_stage >= 3))) ||
  fail "machine $node_rank runs stage 3 only, which is not from --stage $stage to --stop-stage $stop_stage"
((stage > 3 || stop_stage < 3)) || [ -f "$train_config" ] ||
  fail "--train-config $train_config: no such file"

$verbose || export MOEASR_QUIET=1 # read by utils/*.sh and their Python
! $verbose || unset MOEASR_QUIET

# run_stage <number> <title>: print the title and succeed if this machine is to run this stage, else fail
run_stage() {
  ((stage <= $1 && stop_stage >= $1 && (node_rank == 0 || $1 == 3))) || return 1
  if $dry_run; then echo "# stage $1: $2"; else echo "== stage $1: $2"; fi
}

# run [name=list]... <command> [<argument>...]: run a command, or only print it with --dry-run. For
# name=list the command runs once for each word of the list, which replaces {name} in the arguments.
run() {
  local word line="" rest=("${@:2}")
  if [[ $1 =~ ^([a-z_]+)=(.*)$ ]]; then
    local name=${BASH_REMATCH[1]} list=${BASH_REMATCH[2]}
    for word in $list; do run "${rest[@]//"{$name}"/"$word"}"; done
  elif $dry_run; then
    for word; do
      [[ $word =~ ^[A-Za-z0-9_./:,=+@%-]+$ ]] || word=${word@Q}
      line+=" $word"
    done
    echo "${line# }"
  else
    "$@"
  fi
}

# shellcheck disable=SC1091 # a file of the recipe
. ./cmd.sh
if $dry_run; then
  run cd "$PWD" && run . ./path.sh
else
  # shellcheck disable=SC1091 # a file of the recipe
  . ./path.sh
fi

# shellcheck disable=SC2086 # test_sets is a list
eval_sets=$(printf '%s\n' dev $test_sets | sort -u) # all sets except train
exp_dir=${exp_dir:-exp/$(basename "$train_config" .yaml)}
device=cpu launch=(python3 -m) # start of the training command
[ "$ngpu" -eq 0 ] || { device=cuda nproc=$ngpu; }
[ "$nproc" -eq 1 ] || launch=(python3 -m moeasr.bin.launch --standalone --nproc_per_node "$nproc" -m)
train_log=$exp_dir/log/train.log
((node_rank == 0)) || train_log=$exp_dir/log/train_machine$node_rank.log # all machines share exp_dir
if [ -n "$rdzv_endpoint" ]; then
  launch=(python3 -m moeasr.bin.launch --nnodes "$nnodes" --nproc_per_node "$nproc"
    --rdzv_backend c10d --rdzv_endpoint "$rdzv_endpoint" --rdzv_id "$(basename "$exp_dir")"
    --rdzv_conf "is_host=$((node_rank == 0)),join_timeout=$rdzv_wait" -m)
  cuda_cmd=run.pl # the processes of this machine run on this machine
  trap 'exit 143' TERM # after the training has saved its state
fi

# Options of each command. The files that commands read and write are in run.sh itself.
# shellcheck disable=SC2206 # the options *_opts are lists
{
  set -f # brackets, as in a.b=[3], are not patterns of file names
  corpus_options=(--nj "$nj" $corpus_opts)
  feature_options=(--data-type "$data_type" --nj "$nj" --cmd "$train_cmd")
  cmvn_options=(--data-type "$data_type" --nj "$nj")
  dict_options=(--type "$units" --check-text data/dev/text $dict_opts)
  train_options=(--data-type "$data_type" --device "$device" --seed "$seed"
    --num-threads "$num_threads" $train_opts)
  decode_options=(--data-type "$data_type" --modes "$decode_modes" --beam-size "$beam_size"
    --device "$device" --num-threads "$num_threads")
  export_options=($export_opts)
  set +f
}

if ((stage <= 3 && stop_stage >= 3)); then # report faults of stages 3 and 4 before the first stage
  decode=(--modes "$decode_modes" --beam-size "$beam_size" --chunk-sizes="$decoding_chunk_size")
  ((stop_stage > 3)) || decode=()
  run python3 -m moeasr.bin.check_experiment "${decode[@]}" -- \
    --config "$train_config" --exp-dir "$exp_dir" "${train_options[@]}"
fi
for set in $test_sets; do
  $dry_run || ((stage <= 0)) || [ -d "data/$set" ] ||
    fail "there is no data/$set; stage 0 makes the sets"
done

# say_results <exit status>: the last lines of a run that has scored a model
say_results() {
  (($1 == 0 && stop_stage >= 5 && node_rank == 0)) && ! $dry_run || return 0
  local other=conf/dense.yaml activate="" exp same=""
  exp=$(printf %q "$exp_dir")
  [ "$train_config" = conf/u2pp_moe.yaml ] || same+=" --train-config $(printf %q "$train_config")"
  [ "$exp_dir" = "exp/$(basename "$train_config" .yaml)" ] || same+=" --exp-dir $exp"
  [ "$train_config" != "$other" ] || other=conf/u2pp_moe.yaml
  [ -z "${VIRTUAL_ENV:-}" ] || activate=". $(printf %q "$VIRTUAL_ENV")/bin/activate; "
  echo
  echo "== done in $((SECONDS / 60)) min $((SECONDS % 60)) s: $(readlink -f "$exp_dir")/RESULTS.md"
  echo "What to do next:"
  printf '  %s\n' "${activate}cd $(printf %q "$PWD")"
  printf '  %-55s # %s\n' \
    "moeasr transcribe --checkpoint $exp a.wav" "text of a recording of your own" \
    "moeasr stream --checkpoint $exp a.wav" "partial results, as in live recognition" \
    "moeasr report --exp-dir $exp" "a page: expert specialisation, errors, training" \
    "./run.sh --stage 3 --train-config $other" "another system of conf/" \
    "./run.sh --stage 6 --stop-stage 6$same" "ONNX files for 'moeasr serve' and for phones"
  [ ! -f conf/compare.list ] || printf '  %-55s # %s\n' \
    "moeasr compare conf/compare.list" "several systems, with a table of their error rates"
}
trap 'say_results $?' EXIT
