"""The results page of an experiment."""

import json
import os
import re
from pathlib import Path

import pytest
from scored_modes import DECODE, make_mode

from moeasr.score.details import per_utt_text
from moeasr.score.error_rate import Pair, word_error_rate
from moeasr.score.results_page import results_page
from moeasr.score.results_table import gather


def test_the_page_has_tables_and_the_commands_behind_them(tmp_path: Path) -> None:
    make_mode(tmp_path, "decode_test/ctc_greedy_search")
    make_mode(tmp_path, "decode_test/attention", mode="attention")
    make_mode(
        tmp_path, "decode_test/attention_chunk16", mode="attention", chunk_size=16, command="B"
    )
    lines = results_page(gather(tmp_path), tmp_path).splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert len({len(line) for line in tables}) == 1  # aligned on a terminal
    lines = [re.sub(" +", " ", line) for line in lines]
    assert lines[0] == f"# Results of {tmp_path.name}"
    assert "## test" in lines
    assert "130 utterances, 773 words, 353.5 s of audio. Best: attention, 4.50 % WER." in lines
    row = "4.50 [3.50, 5.50] | 2.25 | 2 / 13 / 20 | 0.0123 | 12.34 M / 4.56 M |"
    rows = [line for line in lines if line.endswith(row)]
    assert rows == [
        f"| **attention** (best) | full | {row}",
        f"| attention | 16 | {row}",
        f"| ctc_greedy_search | full | {row}",
    ]
    header = next(line for line in lines if line.startswith("| mode"))
    assert {line.count("|") for line in [header, *rows]} == {8}
    # Modes of one command share an entry; another command has its own entry.
    assert "test attention, test ctc_greedy_search:" in lines
    assert "test attention chunk 16:" in lines
    for fact in ("- commit: abc1234", "- config: conf/u2pp_moe.yaml", "- seed: 7", "- device: cpu"):
        assert lines.count(fact) == 2
    for fact in ("- num_threads: 2", "- checkpoint: exp/x/averaged.pt", DECODE["train_command"]):
        assert lines.count(fact) == 2
    assert lines.count(DECODE["command"]) == 1 and lines.count("B") == 1
    assert lines.count("python -m moeasr.bin.score --data-dir data/test") == 2


def mode_labels(page: str) -> list[str]:
    rows = [line for line in page.splitlines() if line.startswith("|")]
    return [row.split(" | ")[0].removeprefix("| ").rstrip() for row in rows[2:]]


def test_the_best_mode_is_first_and_its_hypotheses_are_shown(tmp_path: Path) -> None:
    make_mode(tmp_path, "decode_test/greedy", mode="greedy", wer=9.0)
    best = make_mode(tmp_path, "decode_test/rescoring", mode="rescoring", wer=4.0)
    make_mode(tmp_path, "decode_test/attention", mode="attention", wer=7.0)
    rate = word_error_rate([Pair("u1", "MEET MARIA", "MEET MARY")])
    (best / "score" / "per_utt").write_text(per_utt_text(rate))
    page = results_page(gather(tmp_path), tmp_path)
    assert mode_labels(page) == ["**rescoring** (best)", "attention", "greedy"]
    assert "Best: rescoring, 4.00 % WER." in page
    block = "```text\nu1\nref  MEET MARIA\nhyp  MEET MARY\n          S\n```"
    assert block in page
    assert "Examples of rescoring: the worst one (S substituted" in page
    assert "in `decode_test/rescoring/score/per_utt`" in page


def test_characters_that_count_as_words_are_explained(tmp_path: Path) -> None:
    mode_dir = make_mode(tmp_path, "decode_test/greedy", mode="greedy", wer=50.0)
    note = "Each character of a script without spaces between words, such as Chinese, counts as a"
    for ref, hyp in (("GO", "NO"), ("\u4f60\u597d", "\u4f60\u53f7")):
        rate = word_error_rate([Pair("u1", ref, hyp)])
        (mode_dir / "score" / "per_utt").write_text(per_utt_text(rate))
        page = results_page(gather(tmp_path), tmp_path)
        assert "Best: greedy, 50.00 % WER." in page
        assert (note in page) == (ref != "GO")
    assert "ref  \u4f60 \u597d\n" in page


def test_without_words_the_mode_with_the_fewest_insertions_is_the_best(tmp_path: Path) -> None:
    make_mode(tmp_path, "decode_test/attention", mode="attention", wer=0.0)
    make_mode(tmp_path, "decode_test/greedy", mode="greedy", wer=0.0)
    records = [
        {**record, "num_words": 0, "ins": {"attention": 9, "greedy": 3}[record["mode"]]}
        for record in gather(tmp_path)
    ]
    page = results_page(records, tmp_path)
    assert mode_labels(page) == ["**greedy** (best)", "attention"]
    assert "Best: greedy, 3 inserted words." in page


def test_stale_results_are_last_and_never_the_best_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old = make_mode(Path("exp"), "decode_test_lm/a", wer=2.5, checkpoint="averaged.pt")
    new = make_mode(Path("exp"), "decode_test/a", checkpoint="averaged.pt")
    Path("averaged.pt").touch()
    for path, date in (
        (old / "decode.json", 10),
        (Path("averaged.pt"), 20),
        (new / "decode.json", 30),
    ):
        os.utime(path, (date, date))
    records = gather("exp")
    page = results_page(records, Path("exp"))
    assert mode_labels(page) == [
        "**ctc_greedy_search** (best)",
        "ctc_greedy_search, decode_test_lm (stale)",
    ]
    assert "(stale): averaged.pt is newer than the hypotheses; decode and score again." in page
    # the current results describe the set, wherever they are in the list
    page = results_page([{**records[1], "num_utts": 99}, records[0]], Path("exp"))
    assert "130 utterances, 773 words" in page and "99 utterances" not in page
    assert "Best" not in results_page(records[1:], Path("exp"))


@pytest.mark.parametrize(
    ("scored", "reason"),
    [
        ({"num_unscored": 2, "num_utts": 128}, "utterances without hypothesis were not scored"),
        ({"num_utts": 12, "num_words": 70}, "of 130 decoded utterances, 12 were scored; score"),
    ],
)
def test_scores_of_a_part_of_the_set_are_marked_and_never_the_best(tmp_path, scored, reason):
    make_mode(tmp_path, "decode_test/greedy", mode="greedy", wer=9.0)
    partial = make_mode(tmp_path, "decode_test/attention", mode="attention", wer=0.0)
    path = partial / "score" / "score.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | scored))
    page = results_page(gather(tmp_path), tmp_path)
    assert mode_labels(page) == ["**greedy** (best)", "attention (partial)"]
    assert "130 utterances, 773 words" in page and "Best: greedy, 9.00 % WER." in page
    assert f"(partial): {reason}" in page


def test_the_page_describes_the_training(tmp_path: Path) -> None:
    make_mode(tmp_path, "decode_test/greedy")
    (tmp_path / "metrics.jsonl").write_text('{"kind": "dev", "step": 5, "loss": 7.0}\n')
    page = results_page(gather(tmp_path), tmp_path)
    assert page.index("## test") < page.index("## Training") < page.index("## How these numbers")
