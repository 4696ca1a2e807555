"""Scoring of a mode directory: its files, their content, and the order of writing."""

import json
from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.score.bootstrap import bootstrap_interval
from moeasr.score.score_dir import (
    References,
    ScoreOptions,
    checksum,
    find_mode_dirs,
    score_mode_dir,
)


@pytest.fixture
def references(tmp_path: Path) -> References:
    """Read references of two speakers, with three utterances, one of them without words."""
    data_dir = tmp_path / "data" / "test"
    data_dir.mkdir(parents=True)
    (data_dir / "text").write_text("a-1 ONE TWO\na-2 THREE\nb-1\n")
    (data_dir / "utt2spk").write_text("a-1 a\na-2 a\nb-1 b\n")
    return References.read(data_dir)


def write_hyps(mode_dir: Path, text: str) -> Path:
    """Create a mode directory with these hypotheses."""
    mode_dir.mkdir(parents=True, exist_ok=True)
    (mode_dir / "text").write_text(text)
    return mode_dir


def test_files_and_summary(tmp_path: Path, references: References) -> None:
    mode_dir = write_hyps(tmp_path / "greedy", "a-1 ONE  TWO\na-2 TREE\nb-1 X\n")
    summary = score_mode_dir(mode_dir, references, ScoreOptions(), "the command")
    score_dir = mode_dir / "score"
    assert sorted(path.name for path in score_dir.iterdir()) == sorted(
        [
            "wer",
            "cer",
            "per_utt",
            "per_spk",
            "ops",
            "cer_per_utt",
            "cer_per_spk",
            "cer_ops",
            "ref.trn",
            "hyp.trn",
            "score.json",
        ]
    )
    stored = json.loads((score_dir / "score.json").read_text())
    assert stored == {key: value for key, value in summary.items() if key != "wer_line"}
    assert stored["set"] == "test"
    assert stored["wer"] == pytest.approx(200 / 3, abs=1e-4)
    assert stored["words"] == {"hits": 2, "subs": 1, "dels": 0, "ins": 1, "errors": 2}
    assert stored["cer"] == pytest.approx(100 * 2 / 12, abs=1e-4)  # H is deleted and X is inserted
    assert (stored["num_utts"], stored["num_words"], stored["num_chars"]) == (3, 3, 12)
    assert stored["cer_spaces"] is True
    # Of the 26 samples of three utterances that contain words, one has only a-1, and three have a-2
    # once and b-1 twice. The latter have three errors in one word of five letters.
    assert (stored["wer_ci"], stored["cer_ci"]) == ([0.0, 300.0], [0.0, 60.0])
    assert stored["command"] == "the command"
    assert stored["hyp_sha256"] == checksum(mode_dir / "text")
    wer_lines = (score_dir / "wer").read_text().splitlines()
    assert wer_lines[:4] == [
        "%WER 66.67 [ 2 / 3, 1 ins, 0 del, 1 sub ]",
        "%SER 66.67 [ 2 / 3 ]",
        "Scored 3 sentences, 0 not present in hyp.",
        "Overall -> 66.67 % N=3 C=2 S=1 D=0 I=1",
    ]
    assert wer_lines[4] == "95 % interval [ 0.00, 300.00 ] by bootstrap over utterances"
    cer_lines = (score_dir / "cer").read_text().splitlines()
    assert cer_lines[0] == "%CER 16.67 [ 2 / 12, 1 ins, 1 del, 0 sub ]"
    assert cer_lines[4] == "95 % interval [ 0.00, 60.00 ] by bootstrap over utterances"
    for prefix, counts, sums, wrong in [
        ("", "a-2 #csid 0 1 0 0", [3, 2, 1, 1, 0, 2, 2], "substitution THREE TREE 1"),
        ("cer_", "a-2 #csid 4 0 0 1", [12, 11, 0, 1, 1, 2, 2], "deletion H *** 1"),
    ]:
        assert counts in (score_dir / f"{prefix}per_utt").read_text().splitlines()
        total = (score_dir / f"{prefix}per_spk").read_text().splitlines()[-2].split()
        assert total == ["SUM", "raw", "3", *map(str, sums)]
        ops = (score_dir / f"{prefix}ops").read_text().splitlines()
        assert wrong.split() in map(str.split, ops)
    assert (score_dir / "hyp.trn").read_text() == "ONE TWO (a-a-1)\nTREE (a-a-2)\nX (b-b-1)\n"
    assert (score_dir / "ref.trn").read_text() == "ONE TWO (a-a-1)\nTHREE (a-a-2)\n (b-b-1)\n"


def test_num_resamples_and_seed_come_from_the_options(
    tmp_path: Path, references: References
) -> None:
    """A single sample of three utterances has one rate, which depends on the seed."""
    mode_dir = write_hyps(tmp_path / "greedy", "a-1 ONE  TWO\na-2 TREE\nb-1 X\n")
    for seed in (1, 2):
        options = ScoreOptions(num_resamples=1, seed=seed)
        summary = score_mode_dir(mode_dir, references, options, "")
        assert (summary["num_resamples"], summary["bootstrap_seed"]) == (1, seed)
        for key, lengths in (("wer_ci", [2, 1, 0]), ("cer_ci", [7, 5, 0])):
            low, high = bootstrap_interval([0, 1, 1], lengths, num_resamples=1, seed=seed)
            assert low == high
            assert summary[key] == pytest.approx([low, low], abs=1e-4)


def test_missing_hypotheses_change_no_score_in_strict_mode(
    tmp_path: Path, references: References
) -> None:
    mode_dir = write_hyps(tmp_path / "greedy", "a-1 ONE TWO\n")
    with pytest.raises(InputError, match=r"greedy/text: 2 of 3 utterances .*: a-2 b-1"):
        score_mode_dir(mode_dir, references, ScoreOptions(), "")
    assert not (mode_dir / "score").exists()
    summary = score_mode_dir(mode_dir, references, ScoreOptions(missing="all"), "")
    assert summary["wer_line"] == "%WER 33.33 [ 1 / 3, 0 ins, 1 del, 0 sub ] [PARTIAL]"
    assert (summary["num_absent"], summary["num_unscored"]) == (2, 0)
    for name, rate in (("wer", "%WER 33.33 [ 1 / 3,"), ("cer", "%CER 41.67 [ 5 / 12,")):
        first, _, third, *_ = (mode_dir / "score" / name).read_text().splitlines()
        assert first.startswith(rate) and first.endswith(" [PARTIAL]")
        assert third == "Scored 3 sentences, 2 not present in hyp."
    write_hyps(mode_dir, "a-1 ONE\n")
    summary = score_mode_dir(mode_dir, references, ScoreOptions(missing="present"), "")
    assert (summary["wer"], summary["ser"], summary["num_utts"]) == (50.0, 100.0, 1)


def test_hypotheses_without_a_reference_are_counted(
    tmp_path: Path, references: References, caplog: pytest.LogCaptureFixture
) -> None:
    mode_dir = write_hyps(tmp_path / "greedy", "a-1 ONE TWO\na-2 THREE\nb-1\nc-1 X\nc-2 Y\n")
    assert score_mode_dir(mode_dir, references, ScoreOptions(), "")["wer"] == 0.0
    assert caplog.messages == [f"{mode_dir}/text: 2 utterances are not in test (not scored)"]


def test_a_failure_while_writing_leaves_no_score_json(
    tmp_path: Path, references: References
) -> None:
    mode_dir = write_hyps(tmp_path / "greedy", "a-1 ONE\na-2 THREE\nb-1\n")
    score_mode_dir(mode_dir, references, ScoreOptions(), "")
    (mode_dir / "score" / "ops").unlink()
    (mode_dir / "score" / "ops").mkdir()  # a directory that no file can replace
    with pytest.raises(OSError):
        score_mode_dir(mode_dir, references, ScoreOptions(), "")
    assert not (mode_dir / "score" / "score.json").exists()


def test_the_character_error_rate_uses_the_options_for_spaces_and_symbols(
    tmp_path: Path, references: References
) -> None:
    mode_dir = write_hyps(tmp_path / "greedy", "a-1 ONETWO\na-2 THREE\nb-1 <noise>\n")
    options = ScoreOptions(cer_spaces=False, non_lang_syms=("<noise>",))
    summary = score_mode_dir(mode_dir, references, options, "")
    assert summary["chars"] == {"hits": 11, "subs": 0, "dels": 0, "ins": 1, "errors": 1}
    assert summary["cer_spaces"] is False
    # the letters of the first utterance are right, but its words are not
    assert (summary["num_wrong_utts"], summary["ser"]) == (2, pytest.approx(66.6667))
    words, chars = (
        (mode_dir / "score" / name).read_text().splitlines()[1:4] for name in ("wer", "cer")
    )
    assert (words[0], chars[0]) == ("%SER 66.67 [ 2 / 3 ]", "%SER 33.33 [ 1 / 3 ]")
    assert chars[2] == "Overall -> 9.09 % N=11 C=11 S=0 D=0 I=1"


def test_a_set_without_words_is_scored_with_a_warning(tmp_path: Path, caplog) -> None:
    references = References("noise", {"u1": "", "u2": ""}, {"u1": "s", "u2": "s"})
    mode_dir = write_hyps(tmp_path / "greedy", "u1 OH YES\nu2\n")
    summary = score_mode_dir(mode_dir, references, ScoreOptions(), "")
    assert summary["wer_line"] == "%WER 0.00 [ 2 / 0, 2 ins, 0 del, 0 sub ]"
    assert (summary["wer"], summary["cer"], summary["wer_ci"]) == (0.0, 0.0, [0.0, 0.0])
    assert (summary["ser"], summary["num_wrong_utts"]) == (50.0, 1)
    assert "noise: the transcripts contain no words, so the error rates are 0 %" in caplog.text


def test_mode_directories_are_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains no hypotheses"):
        find_mode_dirs(tmp_path)
    b, a = write_hyps(tmp_path / "b", ""), write_hyps(tmp_path / "a_chunk16", "")
    (tmp_path / "log").mkdir()
    assert find_mode_dirs(tmp_path) == [a, b]
    assert find_mode_dirs(b) == [b]


def test_a_set_has_the_name_of_its_directory_also_for_a_relative_path(
    references: References, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "data" / "test")
    assert References.read(".") == references
    assert references.name == "test"


def test_an_utterance_without_speaker_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a-1 ONE\nb-1 TWO\n")
    (tmp_path / "utt2spk").write_text("a-1 a\n")
    with pytest.raises(InputError, match="utt2spk: utterance 'b-1' has no speaker"):
        References.read(tmp_path)
