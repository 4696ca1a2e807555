#!/usr/bin/env bash
# Train, decode and score a list of systems, each with several seeds, and compare them in one table.
# Called in a recipe's directory whose data, features and dictionary are made (stages 0 to 2):
#
#   cd egs/an4 && utils/compare.sh --jobs 2 --run-opts "--num-threads 1" conf/compare.list
#
# Each line of the list is a system; what follows a # is a comment:
#
#   name config.yaml [seeds=N] [a.b=value ...]
#
# seeds=N takes only the first N of --seeds. a.b=value overrides a key of the config; {exp} and
# {seed} in it stand for --exp-dir and the seed. A system whose value names a file of another one,
# {exp}/dense_seed{seed}/averaged.pt, waits for that; the other stands on a line above it.
#
# Every system and seed is one call of ./run.sh with an experiment directory of its own,
# EXP/<name>_seed<seed>, and its log there in log/run.log. Called again, this goes on where it
# stopped: what is done with the very same command and config is not touched. What fails is reported
# at the end; all others are run nevertheless.
set -euo pipefail

# Options: --name value on the command line.
seeds="777 778 779"      # seeds of each system, a list
jobs=1                   # experiments run side by side
exp_dir=exp/compare      # EXP: the experiments, COMPARISON.md and comparison.json
train_opts=              # for all trainings: "--set train.max_epochs=20"
run_opts=                # for all calls of run.sh; quotes group: "--test-sets 'dev test'"
baseline=dense           # the system that the others are compared with
set="test"               # test set of the table
mode=attention_rescoring # decoding mode of the table
chunk_size=-1            # decoding chunk of the table; -1 is the whole utterance
only=                    # run only these systems, a list
stage=3                  # first stage of run.sh; 4 decodes again what is trained
stop_stage=5             # last stage of run.sh; before 5 there is no table

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
utils=$root/utils
# shellcheck disable=SC2034 # parse_options.sh prints it
help_message="Usage: utils/compare.sh [options] <list>    (- and _ are the same in an option's name)
 e.g.: utils/compare.sh --jobs 2 --run-opts \"--num-threads 1\" conf/compare.list
Lines of <list>: name config.yaml [seeds=N] [a.b=value ...]; {exp} and {seed} in a value are replaced
Options and their defaults:
$(sed -n '/^# Options/,/^$/s/^\([a-z_]*\)=/  --\1 /p' "$utils/compare.sh")"
# shellcheck source=utils/parse_options.sh
. "$utils/parse_options.sh"

die() {
  echo "$0: $*" >&2
  exit 1
}

[ $# -eq 1 ] || die "expected one argument, the list of systems, but got $#; --help tells more"
list=$1
[ -f "$list" ] || die "no such file $list"
[ -x run.sh ] || die "no run.sh here; call this in a recipe's directory"
for number in jobs stage stop_stage; do
  [[ ${!number} =~ ^[0-9]+$ ]] || die "--$number must be a whole number, but is '${!number}'"
done
[ "$jobs" -gt 0 ] || die "--jobs must be at least 1"
# These become words of a command line that a shell reads once more (run.pl), so they are plain.
plain='[A-Za-z0-9_./:,=+@%-]'
[[ $exp_dir =~ ^$plain+$ ]] || die "--exp-dir '$exp_dir' has characters other than letters, digits and _./:,=+@%-"
exp_dir=${exp_dir%/}
read -ra seed_list <<<"$seeds"
[ ${#seed_list[@]} -gt 0 ] || die "--seeds is empty"
for seed in "${seed_list[@]}"; do
  [[ $seed =~ ^[0-9]+$ ]] || die "--seeds must be whole numbers, but one is '$seed'"
done
run_words=()
if [ -n "$run_opts" ]; then # xargs knows quotes, and evaluates nothing
  split=$(xargs -n 1 printf '%s\n' <<<"$run_opts" 2>/dev/null) || die "--run-opts has an unmatched quote: $run_opts"
  mapfile -t run_words <<<"$split"
fi
read -ra train_words <<<"$train_opts"

value_of() { # option of run.sh: what --run-opts says, else the default in run.sh
  local name=$1 value place
  value=$(sed -n "s/^$name=\([^#]*\).*/\1/p" run.sh | head -n 1 | xargs)
  for ((place = 0; place + 1 < ${#run_words[@]}; place++)); do
    [ "${run_words[place]//-/_}" != "__$name" ] || value=${run_words[place + 1]}
  done
  echo "$value"
}

require_decoding() { # option of run.sh, option of ours and its value: will run.sh make what the table shows?
  local made
  made=$(value_of "$1")
  [ -z "$made" ] || [[ " $made " == *" $3 "* ]] ||
    die "--$2 $3 is not among the --${1//_/-} of run.sh ($made); add it: --run-opts \"--${1//_/-} '$made $3'\""
}

if [ "$stop_stage" -ge 5 ]; then # there will be a table
  require_decoding decode_modes mode "$mode"
  require_decoding decoding_chunk_size chunk-size "$chunk_size"
  require_decoding test_sets set "$set"
fi

# The whole list is read, and refused if need be, before anything runs.
planned=()          # all experiments, in order
declare -A line_of  # system -> line number
declare -A system_of config_of
declare -A sets_of  # experiment -> its own --set options
declare -A needs_of # experiment -> files of other experiments, a list

plan_system() { # place, name, config, limit of seeds, overrides...
  local place=$1 name=$2 config=$3 limit=$4 seed experiment override value other
  shift 4
  for seed in "${seed_list[@]:0:limit}"; do
    experiment=${name}_seed$seed
    [ -z "${system_of[$experiment]:-}" ] || die "--seeds names $seed twice"
    sets_of[$experiment]="" needs_of[$experiment]=""
    for override; do
      override=${override//"{exp}"/"$exp_dir"}
      override=${override//"{seed}"/"$seed"}
      sets_of[$experiment]+=" --set $override"
      value=${override#*=}
      if [[ $value == "$exp_dir"/* ]]; then
        other=${value#"$exp_dir"/}
        other=${other%%/*}
        [ -n "${system_of[$other]:-}" ] ||
          die "$place: $experiment needs $other, but no line above makes it"
        needs_of[$experiment]+=" $value"
      fi
    done
    planned+=("$experiment")
    system_of[$experiment]=$name config_of[$experiment]=$config
  done
}

number=0
while IFS= read -r line || [ -n "$line" ]; do
  number=$((number + 1))
  place=$list:$number
  read -ra fields <<<"${line%%#*}"
  [ ${#fields[@]} -gt 0 ] || continue
  name=${fields[0]} config=${fields[1]:-} limit=${#seed_list[@]}
  [[ $name =~ ^[A-Za-z0-9_.-]+$ ]] ||
    die "$place: a system's name has letters, digits and _.- only, unlike '$name'"
  [ -z "${line_of[$name]:-}" ] || die "$place: system $name stands on line ${line_of[$name]} already"
  [ -n "$config" ] || die "$place: system $name has no config"
  [[ $config =~ ^$plain+$ && -f $config ]] || die "$place: config $config of $name does not exist"
  overrides=()
  for field in "${fields[@]:2}"; do
    key=${field%%=*} value=${field#*=}
    value=${value//"{exp}"/x}
    value=${value//"{seed}"/x}
    if [[ $field =~ ^seeds=([1-9][0-9]*)$ ]]; then
      limit=${BASH_REMATCH[1]}
    elif [[ $field == *=* && $key =~ ^[a-z0-9_]+(\.[a-z0-9_]+)+$ && $value =~ ^$plain+$ ]]; then
      overrides+=("$field")
    else
      die "$place: '$field' is neither seeds=N nor a.b=value with letters, digits and _./:,=+@%-"
    fi
  done
  line_of[$name]=$number
  plan_system "$place" "$name" "$config" "$limit" "${overrides[@]}"
done <"$list"
[ ${#planned[@]} -gt 0 ] || die "$list names no systems"
for name in $baseline $only; do
  [ -n "${line_of[$name]:-}" ] || die "$list has no system $name"
done
chosen=() # the experiments to run
for experiment in "${planned[@]}"; do
  if [[ -z $only || " $only " == *" ${system_of[$experiment]} "* ]]; then
    chosen+=("$experiment")
  fi
done

if [ -f path.sh ]; then
  # shellcheck disable=SC1091 # the recipe's
  . ./path.sh
fi
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}

in_one_line() { # a command as it can be typed
  local word line=""
  for word; do
    [[ $word =~ ^[^[:space:]]+$ ]] || word="\"$word\""
    line+=" $word"
  done
  echo "${line# }"
}

is_done() { # experiment, command: has run.sh come to its end with this command and config?
  local dir=$exp_dir/$1 file
  for file in ${needs_of[$1]}; do # what it learnt from may have been made anew
    [ ! "$file" -nt "$dir/command" ] || return 1
  done
  [ "$stage" -le 3 ] && [ -f "$dir/command" ] && [ "$(<"$dir/command")" = "$2" ] &&
    [ ! "${config_of[$1]}" -nt "$dir/command" ] &&
    [ "$dir/results.json" -nt "$dir/command" ] # run.sh writes it last
}

wait_for() { # experiments that run in the background
  local experiment
  for experiment; do
    if [ -n "${pid_of[$experiment]:-}" ]; then
      wait "${pid_of[$experiment]}" 2>/dev/null || true # whether it failed is looked up in its log
    fi
  done
}

# shellcheck disable=SC2329 # the traps call it
stop() { # after a signal, which is sent on to the running experiments if $1 is true
  trap '' INT TERM HUP
  # shellcheck disable=SC2046 # a list; run.pl ends what it has started
  if $1; then kill $(jobs -p) 2>/dev/null || true; fi
  wait
  echo "$0: stopped; the same call goes on from here" >&2
  exit 130
}
trap 'stop false' INT HUP # a terminal's go to its whole process group
trap 'stop true' TERM

declare -A pid_of
declare -A failure_of # experiment -> what went wrong
count=0
for experiment in "${chosen[@]}"; do
  count=$((count + 1))
  dir=$exp_dir/$experiment
  seed=${experiment##*_seed}
  options=(--train-config "${config_of[$experiment]}" --seed "$seed" --exp-dir "$dir")
  read -ra words <<<"${train_words[*]} ${sets_of[$experiment]}"
  options+=(--train-opts "${words[*]}" "${run_words[@]}")
  command=$(in_one_line ./run.sh --stage 3 --stop-stage 5 "${options[@]}")
  for file in ${needs_of[$experiment]}; do
    other=${file#"$exp_dir"/}
    wait_for "${other%%/*}"
  done
  if is_done "$experiment" "$command"; then
    echo "== $count of ${#chosen[@]}: $experiment is done already"
    continue
  fi
  for file in ${needs_of[$experiment]}; do
    if [ ! -e "$file" ]; then
      failure_of[$experiment]="was not run: it needs $file, which is not there"
      continue 2
    fi
  done
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
    wait -n || true
  done
  echo "== $count of ${#chosen[@]}: $experiment, log in $dir/log/run.log"
  mkdir -p "$dir/log"
  "$utils/keep_log.sh" "$dir/log/run.log" # of an earlier call
  rm -f "$dir/command"
  echo "$command" >"$dir/command"
  "$utils/run.pl" "$dir/log/run.log" \
    ./run.sh --stage "$stage" --stop-stage "$stop_stage" "${options[@]}" &
  pid_of[$experiment]=$!
done
wait

for experiment in "${!pid_of[@]}"; do
  log=$exp_dir/$experiment/log/run.log
  if ! grep -q '^# Ended (code 0)' "$log" 2>/dev/null; then
    failure_of[$experiment]="failed, log is in $log"
  fi
done
scored=() # with those of earlier calls
has_baseline=false
for experiment in "${planned[@]}"; do
  dir=$exp_dir/$experiment
  if [ -f "$dir/results.json" ] && [ -z "${failure_of[$experiment]:-}" ]; then
    if [ -f "$dir/averaged.pt" ] && [ ! "$dir/cost.json" -nt "$dir/averaged.pt" ]; then
      python3 -m moeasr.bin.profile --checkpoint "$dir/averaged.pt" --out "$dir/cost.json" \
        >/dev/null || failure_of[$experiment]="has no costs in the table"
    fi
    scored+=("$dir")
    [ "${system_of[$experiment]}" != "$baseline" ] || has_baseline=true
  fi
done
status=0
if [ "$stop_stage" -lt 5 ]; then
  echo "== no table: it needs stage 5"
elif ! $has_baseline; then
  echo "== no table: the baseline $baseline has no results yet"
else
  python3 -m moeasr.bin.compare --exp-root "$exp_dir" --exp-dirs "${scored[@]}" \
    --baseline "$baseline" --set "$set" --mode "$mode" --chunk-size "$chunk_size" || status=1
fi
for experiment in "${chosen[@]}"; do
  if [ -n "${failure_of[$experiment]:-}" ]; then
    echo "$0: $experiment ${failure_of[$experiment]}" >&2
    status=1
  fi
done
exit "$status"
