"""Each option of run.sh reaches the programs that it is for, in every recipe.

All that run.sh calls is replaced by stand-ins that note their arguments.
"""

import shlex
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from checkout import ROOT, Checkout
from known_files import known_files
from stand_ins import StandIns

RECIPES = [path.parent.name for path in known_files("egs/*/run.sh")]
UTILS = (
    *("validate_data_dir.sh", "fix_data_dir.sh", "make_fbank.sh", "make_raw.sh"),
    *("make_shards.sh", "run_shown.sh", "data/perturb_data_dir_speed_3way.sh"),
)
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
"""Other values than the defaults of any recipe."""
OWN_OTHERS = {
    "librispeech": {"units": "word", "train_parts": "part-1 part-2", "dev_parts": "part-3 part-4"}
}


def preparation(recipe: str, given: SimpleNamespace) -> str:
    """Return the recipe's own line of stage 0."""
    where, more = shlex.quote(given.download_dir), given.corpus_opts
    if recipe == "mini":
        where = shlex.quote(f"{given.download_dir}/mini")
        corpus = f"python3 local/make_corpus.py --corpus-dir {where} --data-dir data"
        return f"{corpus} --nj {given.nj} {more}"
    script = "data_prep.sh" if recipe == "mix" else "python3 local/data_prep.py"
    line = f"{script} --download-dir {where} --unpack-dir downloads --data-dir data"
    if recipe == "librispeech":
        line += f" --train-parts {given.train_parts} --dev-parts {given.dev_parts}"
        line += f" --test-sets {given.test_sets}"
    return f"{line} {more}"


MAKERS = {
    "feats": ("make_fbank.sh", "fbank"),
    "raw": ("make_raw.sh", ""),
    "shard": ("make_shards.sh", "shards"),
}
"""Data type -> script of stage 1, and where it writes."""


def expected_calls(recipe: str, given: SimpleNamespace) -> dict[object, str]:
    """Return what each stage calls, and what is called before the first one, line by line."""
    device = "cuda" if given.ngpu != "0" else "cpu"
    num_processes = given.ngpu if given.ngpu != "0" else given.nproc
    kind, tests = given.data_type, given.test_sets.split()
    exp = given.exp_dir or f"exp/{Path(given.train_config).stem}"
    sets = sorted({"dev", *tests})
    train = (
        f"--config {given.train_config} --train-dir data/train_sp --dev-dir data/dev "
        f"--data-type {kind} --dict-dir data/lang_{given.units} --cmvn data/train_sp/global_cmvn "
        f"--exp-dir {exp} --device {device} --seed {given.seed} --num-threads {given.num_threads} "
        f"{given.train_opts}"
    )
    modes, beam = f"--modes '{given.decode_modes}'", f"--beam-size {given.beam_size}"
    check = "python3 -m moeasr.bin.check_experiment"
    calls = {
        "check": f"{check} {modes} {beam} '--chunk-sizes={given.decoding_chunk_size}' -- {train}",
        "check of training alone": f"{check} -- {train}",
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
    calls[1] += f"--data-type {kind} --nj {given.nj} --out data/train_sp/global_cmvn"
    calls[2] = f"python3 -m moeasr.bin.make_dict --text data/train/text --type {given.units} "
    calls[2] += f"--out-dir data/lang_{given.units} {given.dict_opts}"
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
                f"--checkpoint {exp}/averaged.pt --data-dir data/{name} --data-type {kind} "
                f"--out-dir {exp}/decode_{name} {modes} --chunk-size {chunk} {beam} "
                f"--device {device} --num-threads {given.num_threads}"
            )
    score = "python3 -m moeasr.bin.score --data-dir data/{0} --decode-dir {1}/decode_{0}\n"
    calls[5] = "".join(score.format(name, exp) for name in tests)
    calls[5] += f"python3 -m moeasr.bin.results --exp-dir {exp}"
    return calls


class Recipe:
    """A copy of a recipe that calls stand-ins."""

    def __init__(self, root: Path, name: str) -> None:
        checkout = Checkout(root)
        (root / "utils").unlink()
        self._stand_ins = StandIns(root / "utils", UTILS)
        shutil.copy(ROOT / "utils/parse_options.sh", root / "utils")
        StandIns(root / "bin", ["python3"])
        self.name, self.dir = name, checkout.copy(name).dir
        (self.dir / "cmd.sh").write_text(CMD)
        script = self.dir / "local/data_prep.sh"
        if script.exists():  # of mix; it is called by its own name
            script.unlink()
            script.symlink_to(root / "utils/note")

    def run(self, options: dict[str, str]) -> list[list[str]]:
        """Return what run.sh calls."""
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        env = {"PATH": f"{self.dir.parents[1]}/bin:/usr/bin:/bin", **self._stand_ins.env}
        done = subprocess.run(
            [self.dir / "run.sh", *words], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [call for call in self._stand_ins.calls() if not call[1].endswith("check_env.py")]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Return a copy of a recipe by its name."""
    made = {}

    def get(name: str) -> Recipe:
        if name not in made:
            made[name] = Recipe(tmp_path_factory.mktemp("checkout") / "root", name)
        return made[name]

    return get


def lines(*texts: str) -> list[list[str]]:
    return [shlex.split(line) for text in texts for line in text.splitlines()]


def require_calls(recipe: Recipe, options: dict[str, str]) -> None:
    """Run all stages with some options, and compare what each of them calls."""
    given = SimpleNamespace(**DEFAULTS | OWN_DEFAULTS.get(recipe.name, {}) | options)
    calls = expected_calls(recipe.name, given)
    expected = lines(*(calls[part] for part in ("check", 0, 1, 2, 3, 4, 5)))
    assert recipe.run(options) == expected


@pytest.mark.parametrize("name", RECIPES)
def test_every_option_reaches_the_programs_that_it_is_for(recipe, name):
    require_calls(recipe(name), OTHERS | OWN_OTHERS.get(name, {}))


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_called_without_options(recipe, name):
    require_calls(recipe(name), {})


@pytest.mark.parametrize(
    "options",
    [
        {"ngpu": "2", "nproc": "5", "data_type": "shard", "units": "word", "seed": "0"},
        {"ngpu": "1", "nproc": "5"},  # one process for each GPU
        {"nproc": "2", "train_config": "conf/dense.yaml"},  # names the experiment
    ],
)
def test_processes_devices_data_types_and_the_name_of_the_experiment(recipe, options):
    require_calls(recipe("an4"), options)


@pytest.mark.parametrize("stages", ["0", "1", "2", "3", "4", "5", "2-3", "3-4"])
def test_only_the_stages_asked_for_are_run(recipe, stages):
    first, _, last = stages.partition("-")
    last = last or first
    (recipe("an4").dir / "data/test").mkdir(parents=True, exist_ok=True)
    calls = expected_calls("an4", SimpleNamespace(**DEFAULTS))
    asked = range(int(first), int(last) + 1)
    expected = [calls["check" if 4 in asked else "check of training alone"]] * (3 in asked)
    expected += [calls[stage] for stage in asked]
    options = {"stage": first, "stop-stage": last}
    assert recipe("an4").run(options) == lines(*expected)
