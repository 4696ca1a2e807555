"""The `score` command: all modes of a directory, printed lines and messages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moeasr.bin.score import LEGEND, main
from moeasr.errors import InputError


@pytest.fixture
def dirs(tmp_path: Path) -> tuple[Path, Path]:
    """Create a data directory, and a decoding directory with two modes."""
    data, decode = tmp_path / "data dir", tmp_path / "decode_test"
    data.mkdir()
    (data / "text").write_text("a-1 ONE TWO\nb-1 THREE\n")
    (data / "utt2spk").write_text("a-1 a\nb-1 b\n")
    for mode, text in [("attention", "a-1 ONE TWO\nb-1 THREE\n"), ("greedy", "a-1 ONE\nb-1 X\n")]:
        (decode / mode).mkdir(parents=True)
        (decode / mode / "text").write_text(text)
    return data, decode


def test_every_mode_of_a_directory_is_scored(
    dirs: tuple[Path, Path], capsys: pytest.CaptureFixture
) -> None:
    data, decode = dirs
    main(["--data-dir", str(data), "--decode-dir", str(decode), "--num-resamples", "100"])
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        LEGEND,
        f"%WER 0.00 [ 0 / 3, 0 ins, 0 del, 0 sub ] CER 0.00 {decode}/attention/score/wer",
        f"%WER 66.67 [ 2 / 3, 0 ins, 1 del, 1 sub ] CER 75.00 {decode}/greedy/score/wer",
        f"error rates by utterance and speaker: {decode}/MODE/score/",
    ]
    stored = json.loads((decode / "greedy" / "score" / "score.json").read_text())
    # A path with a space is quoted, so that the command can be pasted into a shell.
    assert stored["command"] == (
        f"python3 -m moeasr.bin.score --data-dir '{data}' --decode-dir {decode} --num-resamples 100"
    )


def test_the_directory_of_one_mode_is_named_as_it_is(dirs, capsys) -> None:
    data, decode = dirs
    main(["--data-dir", str(data), "--decode-dir", str(decode / "greedy")])
    told = f"error rates by utterance and speaker: {decode}/greedy/score/\n"
    assert capsys.readouterr().out.endswith(told)
    assert (decode / "greedy/score/wer").is_file()


def test_a_recipe_leaves_the_rates_to_the_table_that_follows(dirs, capsys, monkeypatch) -> None:
    monkeypatch.setenv("MOEASR_QUIET", "1")
    data, decode = dirs
    main(["--data-dir", str(data), "--decode-dir", str(decode), "--num-resamples", "100"])
    told = f"error rates by utterance and speaker: {decode}/MODE/score/\n"
    assert capsys.readouterr().out == told
    assert (decode / "attention/score/wer").read_text().startswith("%WER 0.00 [ 0 / 3,")


@pytest.mark.parametrize(("seed", "rate"), [(0, 100.0), (1, 66.6667), (11, 50.0)])
def test_the_seed_determines_the_bootstrap_samples(
    dirs: tuple[Path, Path], seed: int, rate: float
) -> None:
    """With these seeds, NumPy's generator first samples b b, a b and a a.

    There is 1 error in the 2 words of a, and 1 in the 1 word of b.
    """
    data, decode = dirs
    options = ["--data-dir", str(data), "--decode-dir", str(decode / "greedy")]
    main([*options, "--num-resamples", "1", "--seed", str(seed)])
    stored = json.loads((decode / "greedy" / "score" / "score.json").read_text())
    assert stored["wer_ci"] == [rate, rate]
    assert (stored["num_resamples"], stored["bootstrap_seed"]) == (1, seed)


@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        ([], "num_chars", len("ONE TWO") + len("THREE")),
        (["--cer-spaces", "false"], "num_chars", len("ONETWO") + len("THREE")),
        (["--non-lang-syms", "symbols"], "num_chars", len("ONE $") + len("THREE")),
        (["--mode", "present"], "wer", 50.0),  # ONE of a-1
        (["--mode", "all"], "wer", 66.6667),  # THREE of b-1 as well
    ],
)
def test_options_change_the_counts(
    dirs: tuple[Path, Path], monkeypatch, options: list[str], key: str, value: float
) -> None:
    data, decode = dirs
    monkeypatch.chdir(data)
    Path("symbols").write_text("TWO\n")
    hypotheses = decode / "greedy"
    if "--mode" in options:
        (hypotheses / "text").write_text("a-1 ONE\n")
    main(["--data-dir", str(data), "--decode-dir", str(hypotheses), *options])
    assert json.loads((hypotheses / "score" / "score.json").read_text())[key] == value


def test_a_missing_hypothesis_gives_one_sentence_and_status_1(dirs: tuple[Path, Path]) -> None:
    data, decode = dirs
    (decode / "greedy" / "text").write_text("a-1 ONE\n")
    command = [sys.executable, "-m", "moeasr.bin.score", "--data-dir", str(data), "--decode-dir"]
    done = subprocess.run([*command, str(decode / "greedy")], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("greedy/text: 1 of 2 utterances have no hypothesis: b-1\n")
    assert done.stderr.count("\n") == 1
    assert not (decode / "greedy" / "score").exists()


def test_stale_hypotheses_that_cannot_be_scored_are_skipped(
    dirs: tuple[Path, Path], capsys: pytest.CaptureFixture
) -> None:
    data, decode = dirs
    old = decode / "greedy"
    (old / "text").write_text("a-1 ONE\n")  # from before the set had b-1
    about = {"set": "test", "checkpoint": "averaged.pt", "data_dir": str(data)}
    (old / "decode.json").write_text(json.dumps(about))
    os.utime(old / "decode.json", (1, 1))
    options = ["--data-dir", str(data), "--decode-dir", str(decode), "--num-resamples", "100"]
    with pytest.raises(InputError, match="1 of 2 utterances have no hypothesis: b-1"):
        main(options)
    (data / "utt2num_frames").write_text("a-1 40\nb-1 40\n")
    main(options)
    assert (decode / "attention/score/score.json").exists()
    assert f"{old} is stale ({data}/utt2num_frames is newer" in capsys.readouterr().err
    options[3] = str(old)  # alone, there is no other directory to score
    with pytest.raises(InputError, match="1 of 2 utterances have no hypothesis: b-1"):
        main(options)


def test_help_imports_no_large_library() -> None:
    code = "import sys, moeasr.bin.score as m; m.get_parser().format_help(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "jiwer"} & set(done.stdout.split())
