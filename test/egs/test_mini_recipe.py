"""egs/mini from stage 0 to 5, with a few utterances and a tiny model."""

import json
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import soundfile
import torch
from checkout import TINY, Checkout, Recipe, train_options

import moeasr
from moeasr import checkpoint
from moeasr.bin import transcribe
from moeasr.decode.searches import SEARCHES

pytestmark = pytest.mark.slow  # each test trains or decodes, and uses the files of the earlier ones

MODES = tuple(SEARCHES)
CTC_MODES = "ctc_greedy_search ctc_prefix_beam_search"
FIELDS = {
    *("set", "mode", "chunk_size", "wer", "cer", "wer_ci", "num_utts", "rtf", "audio_sec"),
    *("total_params", "active_params", "commit", "config", "seed", "device", "command"),
}


class Mini(Recipe):
    """A copy of egs/mini that creates few utterances."""

    def run(self, *options: str, num_train: int = 20) -> subprocess.CompletedProcess:
        """Run run.sh with a tiny model; a job per core would import torch once more per job."""
        corpus_opts = f"--num-train {num_train} --num-dev 4 --num-test 5"
        fixed = ["--train-opts", train_options(TINY), "--corpus-opts", corpus_opts]
        return super().run(*fixed, "--nj", "1", "--average-num", "2", *options)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Return the recipe after a complete first run."""
    root = tmp_path_factory.mktemp("checkout") / "root"
    Checkout(root).copy("mini")
    recipe = Mini(root, "mini")
    with_pictures = train_options({**TINY, "train.writers": "[jsonl,tensorboard]"})
    done = recipe.run("--train-opts", with_pictures)
    assert done.returncode == 0, done.stdout + done.stderr
    recipe.output = done.stdout
    return recipe


def scores(records: list[dict]) -> dict:
    return {(r["set"], r["mode"], r["chunk_size"]): (r["wer"], r["cer"]) for r in records}


def test_a_complete_run_writes_results(recipe):
    records = recipe.results()
    assert set(scores(records)) == {("test", mode, -1) for mode in MODES}
    for record in records:
        assert set(record) >= FIELDS
        assert record["num_utts"] == 5 and record["seed"] == 777
        assert record["cer"] >= 0 and record["wer"] >= 0
        assert 0 < record["active_params"] < record["total_params"]
        assert record["rtf"] > 0 and record["audio_sec"] > 2
    for mode in MODES:
        folder = recipe.dir / "exp" / "u2pp_moe" / "decode_test" / mode
        assert recipe.ids(folder / "text") <= recipe.ids("data/test/text")
        assert (folder / "nbest.jsonl").exists() and (folder / "score" / "wer").exists()
    assert any((recipe.dir / "exp" / "u2pp_moe" / "tensorboard").iterdir())
    page = (recipe.dir / "exp" / "u2pp_moe" / "RESULTS.md").read_text()
    tables = page.partition("## How these numbers were made")[0].rstrip()
    assert tables in recipe.output and "exp/u2pp_moe/RESULTS.md" in recipe.output
    assert "%WER" not in recipe.output  # the table has all rates


def test_the_commands_that_are_printed_at_the_end_work(recipe):
    (entry, *_) = (recipe.dir / "data/test/wav.scp").read_text().splitlines()
    shutil.copy(recipe.dir / entry.split(maxsplit=1)[1], recipe.dir / "a.wav")
    lines = recipe.output.partition("What to do next:\n")[2].splitlines()
    change, *commands = [line.partition(" # ")[0].strip() for line in lines]
    assert change.endswith(f"cd {recipe.dir}")
    assert [command.split()[:2] for command in commands] == [
        ["moeasr", "transcribe"],
        ["moeasr", "stream"],
        ["moeasr", "report"],
        ["./run.sh", "--stage"],
        ["./run.sh", "--stage"],
        ["moeasr", "compare"],
    ]
    said = {
        "transcribe": "a.wav\t",
        "stream": "a.wav\t",
        "report": "exp/u2pp_moe/report.html: open",
    }
    for (name, start), command in zip(said.items(), commands):
        words = command.replace("moeasr", f"{sys.executable} -m moeasr", 1)
        done = subprocess.run(words.split(), cwd=recipe.dir, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith(start), (name, done.stderr)


def test_the_python_api_gives_the_text_of_moeasr_transcribe(recipe, capsys):
    exp_dir = recipe.dir / "exp" / "u2pp_moe"
    entries = (recipe.dir / "data/test/wav.scp").read_text().splitlines()
    paths = [recipe.dir / entry.split(maxsplit=1)[1] for entry in entries]
    transcribe.main(["--checkpoint", str(exp_dir), *map(str, paths)])
    told = [line.split("\t")[1] for line in capsys.readouterr().out.splitlines()]
    asr = moeasr.load(exp_dir)
    assert [result.text for result in asr.transcribe(paths)] == told and len(told) == 5
    for path, text in zip(paths, told):
        samples, rate_hz = soundfile.read(path, dtype="int16")
        assert asr.transcribe(samples, sample_rate=rate_hz).text == text


def test_training_features_have_three_speeds(recipe):
    perturbed = recipe.ids("data/train_sp/feats.scp")
    assert len(perturbed) == 60
    assert len({name for name in perturbed if name.startswith("sp0.9-")}) == 20
    assert recipe.ids("data/train_sp/text") == perturbed
    assert len(recipe.ids("data/dev/feats.scp")) == 4
    statistics = json.loads((recipe.dir / "data/train_sp/global_cmvn").read_text())
    frames = (recipe.dir / "data/train_sp/utt2num_frames").read_text().split()[1::2]
    assert statistics["frame_num"] == sum(map(int, frames))


def test_the_training_log_is_shown_and_stored(recipe):
    kept = (recipe.dir / "exp" / "u2pp_moe" / "log" / "train.log").read_text()
    lines = [line for line in kept.splitlines() if "parameters:" in line]
    assert lines and lines[0] in recipe.output


def test_stages_4_and_5_give_the_same_results_again(recipe):
    before = recipe.results()
    done = recipe.run("--stage", "4", "--stop-stage", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "== stage 3" not in done.stdout
    assert scores(recipe.results()) == scores(before)


def test_other_decoding_options_add_results_of_the_same_checkpoint(recipe):
    before = scores(recipe.results())
    options = ("--decode-modes", "ctc_greedy_search", "--decoding-chunk-size", "16")
    done = recipe.run("--stage", "4", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    after = scores(recipe.results())
    assert set(after) == {*before, ("test", "ctc_greedy_search", 16)}
    assert {key: after[key] for key in before} == before


def test_a_misspelt_mode_is_refused_and_keeps_the_results(recipe):
    done = recipe.run("--stage", "4", "--decode-modes", "ctc_greedy")
    assert done.returncode != 0
    assert "unknown decoding mode 'ctc_greedy'" in done.stdout + done.stderr
    assert all(
        Path(recipe.dir, "exp/u2pp_moe/decode_test", mode, "text").exists() for mode in MODES
    )


def test_results_of_another_averaged_checkpoint_are_kept_and_marked_stale(recipe):
    decode_test = recipe.dir / "exp" / "u2pp_moe" / "decode_test"
    # from a command of the user
    shutil.copytree(decode_test, decode_test.with_name("decode_test_lm"))
    before = scores(recipe.results())
    options = ("--decode-modes", "ctc_greedy_search", "--average-num", "1")
    done = recipe.run("--stage", "4", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(scores(recipe.results())) == set(before)
    fresh = [record for record in recipe.results() if record["stale"] is None]
    assert set(scores(fresh)) == {("test", "ctc_greedy_search", -1)}
    assert len(recipe.results()) == 2 * len(before)
    stale = "exp/u2pp_moe/decode_test_lm/attention is stale: exp/u2pp_moe/averaged.pt is newer"
    assert stale in done.stderr
    shutil.rmtree(decode_test.with_name("decode_test_lm"))


def test_a_second_complete_run_does_not_train_again(recipe):
    last = recipe.dir / "exp" / "u2pp_moe" / "last.pt"
    weights = last.read_bytes()
    done = recipe.run("--decode-modes", CTC_MODES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert last.read_bytes() == weights
    fresh = [record for record in recipe.results() if record["stale"] is None]
    assert set(scores(fresh)) == {("test", mode, -1) for mode in CTC_MODES.split()}


NO_DECODER = {key: value for key, value in TINY.items() if "decoder" not in key}
SMALL_EMBEDDING = {"d_model": 16, "num_blocks": 1}
EMBEDDING = {f"model.embedding.encoder.{key}": value for key, value in SMALL_EMBEDDING.items()}


@pytest.mark.parametrize(
    ("config", "settings", "modes"),
    [
        ("dense", TINY, "attention_rescoring"),
        (
            "shared_moe",
            {**TINY, "distillation.teacher": "exp/dense/averaged.pt"},
            "attention_rescoring",
        ),
        (
            "speechmoe_embedding",
            {**NO_DECODER, **{f"model.encoder.{k}": v for k, v in SMALL_EMBEDDING.items()}},
            CTC_MODES,
        ),
        (
            "speechmoe",
            {
                **TINY,
                **EMBEDDING,
                "init.embedding": "exp/speechmoe_embedding/averaged.pt",
                "init.dense": "exp/dense/averaged.pt",
            },
            "attention_rescoring",
        ),
        (
            "speechmoe_transformer",
            {
                **NO_DECODER,
                **EMBEDDING,
                "model.encoder.attention_every": 1,
                "model.embedding.encoder.attention_every": 1,
            },
            CTC_MODES,
        ),
    ],
)
def test_each_system_trains_and_decodes(recipe, config, settings, modes):
    """The teacher of shared_moe and the initial weights of speechmoe are trained first."""
    if config == "speechmoe_embedding":  # with the width that speechmoe needs
        settings = {k: v for k, v in settings.items() if "hidden_units" not in k}
    settings = train_options({**settings, "train.max_epochs": 1})
    options = ("--train-config", f"conf/{config}.yaml", "--train-opts", settings)
    decode = ("--average-num", "1", "--decode-modes", modes)
    done = recipe.run("--stage", "3", *options, *decode)
    assert done.returncode == 0, done.stdout + done.stderr
    records = recipe.results(config)
    assert {r["mode"] for r in records} == set(modes.split())
    for record in records:
        has_experts = config not in ("dense", "speechmoe_embedding")
        assert (record["active_params"] < record["total_params"]) == has_experts
    lines = (recipe.dir / "exp" / config / "metrics.jsonl").read_text().splitlines()
    last = [metrics for metrics in map(json.loads, lines) if metrics["kind"] == "train"][-1]
    assert ("loss_distill_ctc" in last) == (config == "shared_moe")
    assert ("loss_embedding" in last) == (config in ("speechmoe", "speechmoe_transformer"))
    assert ("loss_att" in last) == (modes != CTC_MODES)


def test_a_smaller_corpus_replaces_a_larger_one_and_keeps_other_sets(recipe):
    own = [recipe.dir / "data/mine/feats.scp", recipe.dir / "fbank/raw_fbank_mine.1.ark"]
    own[0].parent.mkdir()
    old = recipe.dir / "fbank/raw_fbank_dev.7.ark"  # from a run with a larger --nj
    for path in (*own, old):
        path.touch()
    done = recipe.run("--stage", "0", "--stop-stage", "2", num_train=10)
    assert done.returncode == 0, done.stdout + done.stderr
    for table in ("text", "feats.scp", "utt2num_frames"):
        assert len(recipe.ids(f"data/train_sp/{table}")) == 30
    assert "-0019" not in (recipe.dir / "data" / "train_sp" / "wav.scp").read_text()
    assert all(path.exists() for path in own) and not old.exists()


def test_stored_features_and_audio_train_the_same_model(recipe):
    """The corpus is that of the last test. egs/aishell reads shards."""
    settings = train_options({**TINY, "train.max_epochs": 1})
    weights = {}
    for data_type, stage in (("feats", "3"), ("raw", "1")):
        exp_dir = f"exp/as_{data_type}"
        options = ("--data-type", data_type, "--exp-dir", exp_dir, "--train-opts", settings)
        done = recipe.run("--stage", stage, "--stop-stage", "3", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        has_features = (recipe.dir / "data" / "train_sp" / "feats.scp").exists()
        assert has_features == (data_type == "feats")
        weights[data_type] = checkpoint.load(recipe.dir / exp_dir / "last.pt")["model"]
    for name, weight in weights["feats"].items():
        assert torch.equal(weights["raw"][name], weight), name
    decode = ("--stage", "4", "--average-num", "1", "--decode-modes", "ctc_greedy_search")
    done = recipe.run(*decode, "--data-type", "raw", "--exp-dir", "exp/as_raw")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(scores(recipe.results("as_raw"))) == 1


def test_a_failed_training_shows_the_reason(recipe):
    cmvn = recipe.dir / "data/train_sp/global_cmvn"
    cmvn.rename(cmvn.with_suffix(".away"))
    done = recipe.run("--stage", "3", "--exp-dir", "exp/fails")
    cmvn.with_suffix(".away").rename(cmvn)
    assert done.returncode != 0
    shown = done.stdout + done.stderr
    assert "global_cmvn" in shown
    assert "Traceback" not in shown
    assert "stage 4" not in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--train-opts", "--set train.max_epoch=3"), "did you mean"),
        (("--train-opts", "--sets train.max_epochs=3"), "--sets"),
        (("--decoding-chunk-size", "-1 0"), "`chunk_size` must be -1"),
        (
            ("--train-config", "conf/speechmoe_transformer.yaml", "--decode-modes", "attention"),
            "mode 'attention' needs an attention decoder",
        ),
        (("--stage", "1", "--test-sets", "exam"), "there is no data/exam; stage 0 makes the sets"),
    ],
)
def test_options_that_a_later_stage_would_refuse_are_refused_before_the_first_stage(
    recipe, options, message
):
    """Test one case of each kind. The tests of check_experiment have all faults."""
    done = recipe.run("--train-opts", "", *options)
    assert done.returncode != 0
    shown = done.stdout + done.stderr
    assert message in shown
    assert "== stage" not in shown and "Traceback" not in shown


def test_decoding_modes_are_not_checked_if_the_run_does_not_decode(recipe):
    """The model has only CTC, with the default modes. A user may choose other modes later."""
    options = ("--train-config", "conf/speechmoe_transformer.yaml", "--train-opts", "")
    done = recipe.run("--stage", "3", "--stop-stage", "3", *options, "--exp-dir", "exp/fails")
    assert "== stage 3" in done.stdout


def test_two_machines_train_as_two_processes_of_one(recipe):
    """Both machines are this one; each runs run.sh with the number of the machine.

    The corpus is the audio that an earlier test has left.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{listener.getsockname()[1]}"
    stage_3 = ["--stage", "3", "--stop-stage", "3", "--data-type", "raw", "--exp-dir"]
    meeting = ["exp/machines", "--nnodes", "2", "--rdzv-endpoint", endpoint, "--rdzv-wait", "400"]
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(recipe.run, *stage_3, *meeting, "--node-rank", rank) for rank in ("0", "1")
        ]
        for done in [run.result() for run in runs]:
            assert done.returncode == 0, done.stdout + done.stderr
    done = recipe.run(*stage_3, "exp/processes", "--nproc", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    machines, processes = (
        checkpoint.load(recipe.dir / "exp" / name / "last.pt")["model"]
        for name in ("machines", "processes")
    )
    assert machines.keys() == processes.keys()
    assert all(torch.equal(weights, processes[name]) for name, weights in machines.items())
    assert (recipe.dir / "exp/machines/log/train_machine1.log").is_file()
