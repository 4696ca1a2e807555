"""A recipe whose run.sh only records how it was called, for tests of comparisons."""

import os
from pathlib import Path

from moeasr.compare.option_texts import SeriesOptions
from moeasr.compare.recipe_run import RecipeRun
from moeasr.compare.system_list import plan_experiments, read_systems
from moeasr.score.comparison_files import TableChoice

RUN_SH = """\
#!/bin/bash
# Note start and end in `events`, and the arguments; leave averaged.pt and results. An experiment
# that `fail` names fails, and one that `hold` names waits until it is no longer named there.
for word; do
  case ${previous:-} in
    --exp-dir) exp_dir=$word ;;
    --seed) seed=$word ;;
    --stop-stage) stop_stage=$word ;;
  esac
  previous=$word
done
name=${exp_dir##*/}
echo "start $name" >>events
printf '%s\\n' "$@" >"$exp_dir/arguments"
sleep 0.02
while grep -qw "$name" hold; do sleep 0.02; done
if grep -qw "$name" fail; then
  echo "no luck"
  exit 1
fi
errors=$((1 + (${#name} + seed) % 3))
touch "$exp_dir/averaged.pt"
echo '{"macs_per_audio_sec": 5}' >"$exp_dir/cost.json"
touch -d @2000000000 "$exp_dir/cost.json"
score=$exp_dir/decode_test/attention_rescoring/score
mkdir -p "$score"
for n in 1 2 3 4 5 6 7 8 9; do echo "u$n #csid $((10 - errors)) $errors 0 0"; done >"$score/per_utt"
if [ "$stop_stage" -ge 5 ]; then
  cat >"$exp_dir/results.json" <<END
[{"set": "test", "mode": "attention_rescoring", "chunk_size": -1, "beam_size": 10,
  "wer": ${errors}0.0, "cer": 1.0, "rtf": 0.1, "audio_sec": 9.0, "num_utts": 9, "num_words": 90,
  "total_params": 2, "active_params": 1, "commit": "abc", "config": "c", "seed": $seed,
  "device": "cpu", "train_command": "t", "command": "d"}]
END
fi
echo "end $name" >>events
"""
LIST = """\
# a comment, then an empty line

dense conf/dense.yaml   # the baseline
student  conf/moe.yaml seeds=1 distillation.teacher={exp}/dense_seed{seed}/averaged.pt a.b=null
moe conf/moe.yaml seeds=2
"""
NAMES = ["dense_seed1", "dense_seed2", "student_seed1", "moe_seed1", "moe_seed2"]
"""The experiments of `LIST` with the seeds 1 and 2."""
OPTIONS = SeriesOptions(
    list_file="conf/compare.list",
    seeds="1 2",
    jobs="1",
    exp_dir="exp/compare",
    train_opts="",
    run_opts="",
    only="",
    stage="3",
    stop_stage="5",
)
CHOICE = TableChoice("dense", "test", "attention_rescoring", -1)
STUDENT, TEACHER = "student_seed1", "dense_seed1"


def make_recipe(path: Path) -> Path:
    """Create the recipe, with configs whose dates are old."""
    (path / "conf").mkdir(parents=True)
    for name in ("dense", "moe"):
        (path / "conf" / f"{name}.yaml").write_text("model: {}\n")
        os.utime(path / "conf" / f"{name}.yaml", (1e9, 1e9))
    (path / "conf/compare.list").write_text(LIST)
    for name in ("fail", "hold", "events"):
        (path / name).touch()
    (path / "run.sh").write_text(RUN_SH)
    (path / "run.sh").chmod(0o755)
    return path


def take_events(recipe: Path) -> list[str]:
    """Return and delete the records of run.sh, such as "start dense_seed1"."""
    events = (recipe / "events").read_text().splitlines()
    (recipe / "events").write_text("")
    return events


def started(recipe: Path) -> list[str]:
    """Return the names of the experiments that were started, and delete the records of run.sh."""
    events = [event.split() for event in take_events(recipe)]
    return [name for event, name in events if event == "start"]


def plan_runs(recipe: Path, run_words: tuple[str, ...] = ()) -> dict[str, RecipeRun]:
    """Return the experiments of the list by name; the working directory must be the recipe."""
    systems = read_systems(recipe / "conf/compare.list")
    return {
        experiment.name: RecipeRun(
            experiment=experiment, exp_dir="exp", train_words=(), run_words=run_words
        )
        for experiment in plan_experiments(systems, [1, 2], "exp")
    }
