"""Records of an experiment: content, order, and stale or incomplete results."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from scored_modes import DECODE, make_mode

from moeasr.errors import InputError
from moeasr.score.results_table import gather


def test_a_record_joins_decode_json_and_score_json(tmp_path: Path) -> None:
    make_mode(tmp_path, "decode_test/ctc_greedy_search")
    (record,) = gather(tmp_path)
    assert record == {
        **{key: value for key, value in DECODE.items() if key != "wall_sec"},
        "wer": 4.5,
        "wer_ci": [3.5, 5.5],
        "cer": 2.25,
        "cer_ci": [2.0, 2.5],
        "num_words": 773,
        "ins": 2,
        "dels": 13,
        "subs": 20,
        "score_command": "python -m moeasr.bin.score --data-dir data/test",
        "num_unscored": 0,
        "num_decoded": 130,
        "stale": None,
        "dir": "decode_test/ctc_greedy_search",
    }


def touch(path: Path, after: Path, seconds: int) -> Path:
    """Write a file whose date is some seconds after that of another file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    date = after.stat().st_mtime + seconds
    os.utime(path, (date, date))
    return path


@pytest.mark.parametrize("source", ["averaged.pt", "data/test/utt2num_frames"])
def test_hypotheses_older_than_the_model_or_the_features_are_stale(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    source: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    old = make_mode(Path("exp"), "decode_test_lm/a", wer=7.5, checkpoint="averaged.pt")
    new = make_mode(Path("exp"), "decode_test/a", checkpoint="averaged.pt")
    touch(Path(source), old / "decode.json", 10)
    touch(new / "decode.json", old / "decode.json", 20)
    records = gather("exp")
    assert [(r["dir"], r["stale"]) for r in records] == [
        ("decode_test/a", None),
        ("decode_test_lm/a", f"{source} is newer than the hypotheses"),
    ]
    assert caplog.messages == [
        f"exp/decode_test_lm/a is stale: {source} is newer than the hypotheses; decode and score "
        "it again, or remove it"
    ]


def test_a_difference_of_a_millisecond_makes_results_stale(
    tmp_path: Path,
) -> None:
    """This holds for the model and for a data directory outside `data/`."""
    features = tmp_path / "elsewhere" / "test"
    model = tmp_path / "averaged.pt"
    mode_dir = make_mode(tmp_path, "decode_test/a", checkpoint=str(model), data_dir=str(features))
    decoded_at = 1_800_000_000_000_000_000  # nanoseconds
    os.utime(mode_dir / "decode.json", ns=(decoded_at, decoded_at))
    features.mkdir(parents=True)
    for source in (model, features / "utt2num_frames"):
        for later_ms, reason in [(0, None), (1, f"{source} is newer than the hypotheses")]:
            source.touch()
            changed_at = decoded_at + later_ms * 1_000_000
            os.utime(source, ns=(changed_at, changed_at))
            assert gather(tmp_path)[0]["stale"] == reason
        source.unlink()


def test_records_are_ordered_by_set_mode_and_chunk_size(tmp_path: Path) -> None:
    for chunk in (8, 16, -1):
        make_mode(tmp_path, f"decode_test/attention{chunk}", mode="attention", chunk_size=chunk)
    make_mode(tmp_path, "decode_dev/z", set="dev", mode="z")
    found = [(record["set"], record["mode"], record["chunk_size"]) for record in gather(tmp_path)]
    assert found == [
        ("dev", "z", -1),
        ("test", "attention", -1),
        ("test", "attention", 16),
        ("test", "attention", 8),
    ]


def test_incomplete_results_are_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_mode(tmp_path, "decode_test/whole")
    unscored = make_mode(tmp_path, "decode_test/unscored")
    (unscored / "score" / "score.json").unlink()
    undecoded = make_mode(tmp_path, "decode_test/undecoded")
    (undecoded / "decode.json").unlink()
    with caplog.at_level(logging.WARNING):
        assert len(gather(tmp_path)) == 1
    assert f"{unscored} is left out, because it has no score/score.json" in caplog.text
    assert f"{undecoded} is left out, because it has no decode.json" in caplog.text


def test_faults_in_the_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        gather(tmp_path / "nowhere")
    with pytest.raises(InputError, match="with hypotheses and scores"):
        gather(tmp_path)
    mode_dir = make_mode(tmp_path, "decode_test/a")
    (mode_dir / "text").write_text("u1 B\n")
    with pytest.raises(InputError, match=r"a/text changed after it was scored; run stage 5 again"):
        gather(tmp_path)
    (mode_dir / "decode.json").write_text('{"set": "test"}')
    with pytest.raises(InputError, match=r"decode.json lacks the key 'mode'"):
        gather(tmp_path)
    (mode_dir / "decode.json").write_text('{"set": ')
    with pytest.raises(InputError, match=r"decode.json is not JSON"):
        gather(tmp_path)


@pytest.mark.parametrize("value", [[], {}, True, [1, "x"]])
def test_a_value_of_the_wrong_type_is_named_with_its_file(tmp_path: Path, value: Any) -> None:
    mode_dir = make_mode(tmp_path, "decode_test/a")
    for path in (mode_dir / "decode.json", mode_dir / "score" / "score.json"):
        good = json.loads(path.read_text())
        for key in good.keys() - {"wall_sec"}:
            if value is True and key in ("commit", "config", "seed", "device", "checkpoint"):
                continue
            if value is True and key in ("num_threads", "beam_size"):
                continue
            path.write_text(json.dumps(good | {key: value}))
            with pytest.raises(InputError, match=f"{path.name}: '{key}' must be"):
                gather(tmp_path)
        path.write_text(json.dumps(good))
    assert len(gather(tmp_path)) == 1
