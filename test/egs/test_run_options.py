"""Options of run.sh, and the commands that use them, in every recipe.

All commands of run.sh are replaced by stand-ins that record their arguments.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from checkout import ROOT, Checkout
from known_files import known_files
from stand_ins import StandIns

NEW = "new_recipe"
"""The recipe in utils/ that utils/new_recipe.sh copies."""
RECIPES = [path.parent.name for path in known_files("egs/*/run.sh")] + [NEW]
UTILS = (
    *("validate_data_dir.sh", "fix_data_dir.sh", "make_fbank.sh", "make_raw.sh"),
    *("make_shards.sh", "run_shown.sh", "data/perturb_data_dir_speed_3way.sh"),
)
SHARED = ("parse_options.sh", "recipe.sh", "make_features.sh")
"""Scripts that belong to run.sh itself and are not replaced."""
CMD = 'train_cmd="train.pl --mem 1G" decode_cmd="decode.pl -q x" cuda_cmd="cuda.pl -q y"\n'
ALL_MODES = "ctc_greedy_search ctc_prefix_beam_search attention attention_rescoring joint_decoding"
DEFAULTS = {
    **{"download_dir": "downloads", "corpus_opts": "", "units": "char", "dict_opts": ""},
    **{"test_sets": "test", "average_num": "5", "beam_size": "20", "nj": "2", "ngpu": "0"},
    **{"nproc": "1", "num_threads": "2", "data_type": "feats", "exp_dir": ""},
    **{"train_config": "conf/u2pp_moe.yaml", "train_opts": "", "seed": "777"},
    **{"decode_modes": ALL_MODES, "decoding_chunk_size": "-1"},
}
OWN_DEFAULTS = {
    "aishell": {"average_num": "30", "beam_size": "10"},
    "fsdd": {"units": "word"},
    "librispeech": {
        **{"units": "bpe", "dict_opts": "--vocab-size 5000", "test_sets": "test_clean test_other"},
        **{"average_num": "30", "beam_size": "10", "dev_parts": "dev-clean dev-other"},
        "train_parts": "train-clean-100 train-clean-360 train-other-500",
    },
    "mini": {"average_num": "3", "beam_size": "10"},
    NEW: {"beam_size": "10"},
    "mix": {"test_sets": "test_an4 test_speechocean762 test_fsdd test_aishell"},
}
"""Defaults of a recipe that differ from those of AN4."""
OTHERS = {
    **{"download_dir": "my corpora", "corpus_opts": "--one 1 --two 2", "units": "bpe"},
    **{"dict_opts": "--vocab-size 99", "test_sets": "eval1 dev eval2", "average_num": "7"},
    **{"beam_size": "13", "nj": "4", "nproc": "3", "num_threads": "6", "data_type": "raw"},
    **{"train_config": "conf/dense.yaml", "exp_dir": "exp/mine", "seed": "31"},
    **{"train_opts": "--set train.max_epochs=2 --set model.x=1"},
    **{"decode_modes": "attention ctc_greedy_search", "decoding_chunk_size": "-1 16 8"},
}
"""Values that differ from the defaults of every recipe."""
OWN_OTHERS = {
    "librispeech": {"units": "word", "train_parts": "part-1 part-2", "dev_parts": "part-3 part-4"}
}


def preparation(recipe: str, given: SimpleNamespace) -> str:
    """Return the first command of stage 0.

    It is the same in all recipes except LibriSpeech, which adds the parts.
    """
    line = f"python3 local/data_prep.py --download-dir {shlex.quote(given.download_dir)} "
    line += "--data-dir data "
    if recipe == "librispeech":
        line += f"--train-parts {given.train_parts} --dev-parts {given.dev_parts} "
        line += f"--test-sets {given.test_sets} "
    return f"{line}--nj {given.nj} {given.corpus_opts}"


MAKERS = {
    "feats": ("make_fbank.sh", "fbank"),
    "raw": ("make_raw.sh", ""),
    "shard": ("make_shards.sh", "shards"),
}
"""Data type -> script of stage 1, and the directory that it writes."""


def expected_calls(recipe: str, given: SimpleNamespace) -> dict[object, str]:
    """Return the commands of each stage and the checks before the first stage, one per line."""
    device = "cuda" if given.ngpu != "0" else "cpu"
    num_processes = given.ngpu if given.ngpu != "0" else given.nproc
    kind, tests = given.data_type, given.test_sets.split()
    exp = given.exp_dir or f"exp/{Path(given.train_config).stem}"
    sets = sorted({"dev", *tests})
    settings = (
        f"--data-type {kind} --device {device} --seed {given.seed} "
        f"--num-threads {given.num_threads} {given.train_opts}"
    )
    train = (
        f"--config {given.train_config} --train-dir data/train_sp --dev-dir data/dev "
        f"--dict-dir data/lang_{given.units} --cmvn data/train_sp/global_cmvn "
        f"--exp-dir {exp} {settings}"
    )
    checked = f"--config {given.train_config} --exp-dir {exp} {settings}"
    modes, beam = f"--modes '{given.decode_modes}'", f"--beam-size {given.beam_size}"
    check = "python3 -m moeasr.bin.check_experiment"
    calls = {
        "check": f"{check} {modes} {beam} '--chunk-sizes={given.decoding_chunk_size}' -- {checked}",
        "check of training alone": f"{check} -- {checked}",
        0: preparation(recipe, given),
        1: "perturb_data_dir_speed_3way.sh data/train data/train_sp",
    }
    for name in ("train", *sets):
        calls[0] += "\nvalidate_data_dir.sh --no-feats --check-audio "
        calls[0] += f"--text-units {given.units} data/{name}"
    maker, place = MAKERS[kind]
    for name in ("train_sp", *sets):
        calls[1] += f"\n{maker} --nj {given.nj} --cmd 'train.pl --mem 1G' "
        calls[1] += f"--fbank-config conf/fbank.yaml data/{name} data/{name}/log {place}\n"
        calls[1] += f"fix_data_dir.sh data/{name}"
    calls[1] += "\npython3 -m moeasr.bin.compute_cmvn --data-dir data/train_sp "
    calls[1] += f"--out data/train_sp/global_cmvn --data-type {kind} --nj {given.nj}"
    calls[2] = "python3 -m moeasr.bin.make_dict --text data/train/text "
    calls[2] += f"--out-dir data/lang_{given.units} --type {given.units} "
    calls[2] += f"--check-text data/dev/text {given.dict_opts}"
    calls[3] = f"run_shown.sh 'cuda.pl -q y --gpu {given.ngpu}' {exp}/log/train.log python3 -m "
    if num_processes != "1":
        calls[3] += f"moeasr.bin.launch --standalone --nproc_per_node {num_processes} -m "
    calls[3] += f"moeasr.bin.train {train}"
    calls[4] = f"python3 -m moeasr.bin.average --exp-dir {exp} --num {given.average_num} "
    calls[4] += f"--out {exp}/averaged.pt"
    for name in tests:
        for chunk in given.decoding_chunk_size.split():
            calls[4] += (
                f"\nrun_shown.sh 'decode.pl -q x --gpu {int(device == 'cuda')}' "
                f"{exp}/log/decode_{name}_chunk{chunk}.log python3 -m moeasr.bin.decode "
                f"--checkpoint {exp}/averaged.pt --data-dir data/{name} "
                f"--out-dir {exp}/decode_{name} --chunk-size {chunk} --data-type {kind} {modes} "
                f"{beam} --device {device} --num-threads {given.num_threads}"
            )
    score = "python3 -m moeasr.bin.score --data-dir data/{0} --decode-dir {1}/decode_{0}\n"
    calls[5] = "".join(score.format(name, exp) for name in tests)
    calls[5] += f"python3 -m moeasr.bin.results --exp-dir {exp}"
    return calls


class Recipe:
    """A copy of a recipe whose commands are stand-ins."""

    def __init__(self, root: Path, name: str) -> None:
        checkout = Checkout(root)
        self.root, self.name = root, name
        (root / "utils").unlink()
        self._stand_ins = StandIns(root / "utils", UTILS)
        for script in SHARED:
            shutil.copy(ROOT / "utils" / script, root / "utils")
        StandIns(root / "bin", ["python3"])
        if name == NEW:
            self.dir = root / "egs" / name
            shutil.copytree(ROOT / "utils" / name, self.dir)
            shutil.copytree(ROOT / "egs/an4/conf", self.dir / "conf")
            (self.dir / "utils").symlink_to("../../utils")
        else:
            self.dir = checkout.copy(name).dir
        (self.dir / "cmd.sh").write_text(CMD)

    def run(self, options: dict[str, str]) -> list[list[str]]:
        """Run run.sh and return its commands."""
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self.call(self.dir / "run.sh", *words)
        return self.calls()

    def call(self, *command: str | Path) -> str:
        """Run a command that finds the stand-ins, and return its output."""
        env = {"PATH": f"{self.root}/bin:/usr/bin:/bin", **self._stand_ins.env}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def calls(self) -> list[list[str]]:
        """Return the commands since the last call, except those that look for an environment."""
        return [call for call in self._stand_ins.calls() if not call[1].endswith("check_env.py")]

    def files(self) -> dict[str, int]:
        """Return all files and directories with their modification times."""
        paths = [path for path in self.root.rglob("*") if not path.is_symlink()]
        return {str(path): path.stat().st_mtime_ns for path in paths}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Return a function that gives a copy of a recipe by name."""
    made = {}

    def get(name: str) -> Recipe:
        if name not in made:
            made[name] = Recipe(tmp_path_factory.mktemp("checkout") / "root", name)
        return made[name]

    return get


def lines(*texts: str) -> list[list[str]]:
    return [shlex.split(line) for text in texts for line in text.splitlines()]


def calls_of_a_run(recipe: Recipe, options: dict[str, str]) -> list[list[str]]:
    """Return the expected commands of all stages for some options."""
    given = SimpleNamespace(**DEFAULTS | OWN_DEFAULTS.get(recipe.name, {}) | options)
    calls = expected_calls(recipe.name, given)
    return lines(*(calls[part] for part in ("check", 0, 1, 2, 3, 4, 5)))


def require_calls(recipe: Recipe, options: dict[str, str]) -> None:
    """Run all stages with some options, and check their commands."""
    assert recipe.run(options) == calls_of_a_run(recipe, options)


@pytest.mark.parametrize("name", RECIPES)
def test_every_option_is_passed_to_its_commands(recipe, name):
    require_calls(recipe(name), OTHERS | OWN_OTHERS.get(name, {}))


@pytest.mark.parametrize("name", RECIPES)
def test_default_options_are_passed_to_the_commands(recipe, name):
    require_calls(recipe(name), {})


@pytest.mark.parametrize(
    "options",
    [
        {"ngpu": "2", "nproc": "5", "data_type": "shard", "units": "word", "seed": "0"},
        {"ngpu": "1", "nproc": "5"},  # one process per GPU
        # the config determines the name of the experiment
        {"nproc": "2", "train_config": "conf/dense.yaml"},
    ],
)
def test_processes_device_data_type_and_experiment_name_follow_the_options(recipe, options):
    require_calls(recipe("an4"), options)


def test_brackets_in_options_are_not_patterns_of_file_names(recipe):
    one = recipe("an4")
    (one.dir / "model.x=3").touch()
    calls = [call for call in one.run({"train_opts": "--set model.x=[3]"}) if "--set" in call]
    (one.dir / "model.x=3").unlink()
    assert calls and all("model.x=[3]" in call for call in calls)


@pytest.mark.parametrize("stages", ["0", "1", "2", "3", "4", "5", "2-3", "3-4"])
def test_only_the_chosen_stages_run(recipe, stages):
    first, _, last = stages.partition("-")
    last = last or first
    (recipe("an4").dir / "data/test").mkdir(parents=True, exist_ok=True)
    calls = expected_calls("an4", SimpleNamespace(**DEFAULTS))
    asked = range(int(first), int(last) + 1)
    expected = [calls["check" if 4 in asked else "check of training alone"]] * (3 in asked)
    expected += [calls[stage] for stage in asked]
    options = {"stage": first, "stop-stage": last}
    assert recipe("an4").run(options) == lines(*expected)


@pytest.mark.parametrize("name", RECIPES)
def test_a_dry_run_prints_all_commands_and_runs_none(recipe, name):
    """The output can be pasted into a shell and then runs the same commands."""
    one = recipe(name)
    options = OTHERS | OWN_OTHERS.get(name, {}) | {"exp_dir": "exp/it's mine", "nproc": "1"}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    before = one.files()
    printed = one.call(one.dir / "run.sh", "--dry-run", *words)
    assert one.files() == before and one.calls() == []
    headings = [line for line in printed.splitlines() if line.startswith("#")]
    assert [line.partition(":")[0] for line in headings] == [f"# stage {n}" for n in range(6)]
    one.call("bash", "-euc", printed)
    given = options | {"exp_dir": '"exp/it\'s mine"'}  # as a shell reads it
    assert one.calls() == calls_of_a_run(one, given)


@pytest.mark.parametrize("flag", ["--dry-run", "--dry_run", "--dry-run true"])
def test_dry_run_needs_no_value_and_no_data(recipe, flag):
    one = recipe("fsdd")
    shutil.rmtree(one.dir / "data", ignore_errors=True)
    printed = one.call(one.dir / "run.sh", *flag.split(), "--stage", "5")
    command = "python3 -m moeasr.bin.score --data-dir data/test --decode-dir "
    assert printed.splitlines() == [
        f"cd {one.dir}",
        ". ./path.sh",
        "# stage 5: scoring",
        f"{command}exp/u2pp_moe/decode_test",
        "python3 -m moeasr.bin.results --exp-dir exp/u2pp_moe",
    ]


MACHINES = {"stage": "3", "stop-stage": "3", "nnodes": "2", "rdzv-endpoint": "node1:29500"}


def test_several_machines_meet_at_an_endpoint(recipe):
    one = recipe("an4")
    meeting = "moeasr.bin.launch --nnodes 2 --nproc_per_node 3 --rdzv_backend c10d"
    meeting += (
        " --rdzv_endpoint node1:29500 --rdzv_id u2pp_moe --rdzv_conf is_host={},join_timeout={} -m"
    )
    calls = expected_calls("an4", SimpleNamespace(**DEFAULTS))[3]
    calls = calls.replace("'cuda.pl -q y --gpu 0'", "'run.pl --gpu 0'")
    options = MACHINES | {"nproc": "3"}
    first = calls.replace("-m moeasr.bin.train", f"-m {meeting.format(1, 600)} moeasr.bin.train")
    assert one.run(options)[1:] == lines(first)
    second = calls.replace("-m moeasr.bin.train", f"-m {meeting.format(0, 60)} moeasr.bin.train")
    second = second.replace("train.log", "train_machine1.log")
    assert one.run(options | {"node-rank": "1", "rdzv-wait": "60"})[1:] == lines(second)


def test_machine_0_runs_all_stages_and_the_others_only_train(recipe):
    one = recipe("an4")
    (one.dir / "data/dev").mkdir(parents=True, exist_ok=True)
    options = MACHINES | {"stage": "2", "stop-stage": "5", "test-sets": "dev"}
    programs = [call[call.index("-m") + 1] for call in one.run(options) if call[0] == "python3"]
    assert {"make_dict", "average", "score"} <= {name.rpartition(".")[2] for name in programs}
    shown = [call[0] for call in one.run(options | {"node-rank": "1"})]
    assert shown == ["python3", "run_shown.sh"]  # the check of the options, and the training


COST = "python3 -m moeasr.bin.profile --checkpoint exp/u2pp_moe"


@pytest.mark.parametrize("name", RECIPES)
def test_a_new_option_is_added_in_recipe_sh_and_a_new_stage_in_one_line(tmp_path, name):
    one = Recipe(tmp_path / "root", name)
    shared = one.root / "utils/recipe.sh"
    text = shared.read_text()
    text = text.replace("\nseed=777 ", "\nlm=  # an n-gram\nseed=777 ")
    text = text.replace('"6 export")', '"6 export" "7 cost")')
    shared.write_text(text.replace('--beam-size "$beam_size"\n', '--lm "$lm"\n'))
    stage = f'if run_stage 7 "cost"; then run {COST}; fi\n'
    (one.dir / "run.sh").write_text((one.dir / "run.sh").read_text() + stage)
    (one.dir / "data/test").mkdir(parents=True)
    options = {"stage": "4", "stop-stage": "7", "lm": "3.arpa", "test-sets": "test"}
    _, decode, _, _, export, cost = one.run(options)
    assert decode[decode.index("--lm") + 1] == "3.arpa"
    assert export[:3] == ["python3", "-m", "moeasr.bin.export"]
    assert cost == COST.split()
    # the default of --stop-stage is 5
    assert len(one.run({"stage": "4", "test-sets": "test"})) == 4


@pytest.mark.parametrize(
    ("options", "checkpoint", "same"),
    [
        ("", "exp/u2pp_moe", ""),
        ("--train-config conf/dense.yaml", "exp/dense", " --train-config conf/dense.yaml"),
        ("--exp-dir 'exp/my exp'", r"exp/my\ exp", r" --exp-dir exp/my\ exp"),
    ],
)
def test_the_commands_that_are_printed_at_the_end_are_of_this_experiment(
    recipe, options, checkpoint, same
):
    one = recipe("an4")
    (one.dir / "data/test").mkdir(parents=True, exist_ok=True)
    printed = one.call(one.dir / "run.sh", "--stage", "5", *shlex.split(options))
    commands = [" ".join(line.partition(" # ")[0].split()) for line in printed.splitlines()]
    assert f"moeasr transcribe --checkpoint {checkpoint} a.wav" in commands
    assert f"moeasr report --exp-dir {checkpoint}" in commands
    assert f"./run.sh --stage 6 --stop-stage 6{same}" in commands


def test_special_characters_in_names_are_quoted(recipe):
    one = recipe("an4")
    options = {"stage": "5", "test-sets": "a&b c", "dry-run": "true", "exp-dir": "exp/{chunk}"}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    printed = one.call(one.dir / "run.sh", *words)
    assert re.findall("--data-dir (.*?) --decode-dir (.*)", printed) == [
        ("'data/a&b'", "'exp/{chunk}/decode_a&b'"),
        ("data/c", "'exp/{chunk}/decode_c'"),
    ]


@pytest.mark.parametrize(("flags", "quiet"), [([], "1"), (["--verbose"], "0")])
def test_scripts_are_quiet_without_verbose(recipe, flags, quiet):
    one = recipe("fsdd")
    (one.dir / "cmd.sh").unlink()
    (one.dir / "cmd.sh").write_text(CMD + 'echo "quiet=${MOEASR_QUIET:-0}"\n')
    printed = one.call(one.dir / "run.sh", "--dry-run", *flags, "--stage", "5")
    assert f"quiet={quiet}" in printed.splitlines()
