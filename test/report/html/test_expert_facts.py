"""The facts about the experts of a model on a data set."""

import shutil

import pytest
from checkpoints import save_model
from reported import make_reported

from moeasr.decode.recognizer import Recognizer
from moeasr.errors import InputError
from moeasr.moe.layer import MoeConfig
from moeasr.report.html import expert_facts
from moeasr.report.html.expert_facts import compare_checkpoints, measure_experts, read_labels
from moeasr.report.html.frame_labels import read_lexicon
from moeasr.report.html.routes import collect_routes


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    return make_reported(tmp_path_factory.mktemp("reported"))


@pytest.fixture(scope="module")
def recognizer(reported):
    return Recognizer.from_checkpoint(reported.exp_dir)


@pytest.fixture(scope="module")
def routes(reported, recognizer):
    return collect_routes(recognizer, reported.data_dir, 1000)


def test_every_label_is_measured_in_every_layer(reported, recognizer, routes, tmp_path):
    (tmp_path / "lexicon").write_text("ab X Y\nba Y X\nc Z\n")
    lexicon = read_lexicon(tmp_path / "lexicon")
    labels = read_labels(routes, recognizer, reported.data_dir, lexicon)
    facts = measure_experts(routes, labels, {"epoch_1.pt": [1.0, 1.0]}, num_permutations=5)
    assert [label.name for label in facts.labels] == [
        *("unit", "phone", "blank", "position", "speaker"),
    ]
    assert facts.num_experts == [3, 3] and facts.num_frames == routes.starts[-1]
    assert facts.num_unaligned == 0 and facts.relations.shape == (2, 2)
    unit = facts.labels[0]
    assert set(unit.classes) == {"a", "b", "c", "d", "\u2581"}
    num_units = sum(end - start for utt in routes.utterances for start, end in utt.spans)
    for label in facts.labels:
        assert len(label.layers) == 2 and label.note is None
        assert all(layer.counts.shape == (3, len(label.classes)) for layer in label.layers)
        shares = [layer.share for layer in label.layers]
        assert label.strongest == shares.index(max(shares))
    assert unit.layers[0].counts.sum() == num_units


def test_a_label_that_cannot_be_tested_has_a_note(reported, recognizer, routes, tmp_path):
    (tmp_path / "utt2spk").write_text("".join(f"{u.utt_id} one\n" for u in routes.utterances))
    labels = read_labels(routes, recognizer, tmp_path, None)
    speaker = measure_experts(routes, labels, {}, 3).labels[-1]
    assert speaker.note == "all frames have the same speaker."
    assert speaker.layers == [] and speaker.strongest is None


def test_earlier_checkpoints_are_compared(reported, routes, tmp_path, monkeypatch):
    for number in (2, 7, 10, 11):
        shutil.copy(reported.exp_dir / "averaged.pt", tmp_path / f"epoch_{number}.pt")
    shutil.copy(reported.exp_dir / "averaged.pt", tmp_path / "epoch_last.pt")
    monkeypatch.setattr(expert_facts, "NUM_CHECKPOINTS", 2)
    found = compare_checkpoints(tmp_path, routes, reported.data_dir, 1000, "cpu")
    assert found == {"epoch_2.pt": [1.0, 1.0], "epoch_11.pt": [1.0, 1.0]}
    empty = compare_checkpoints(reported.data_dir, routes, reported.data_dir, 1000, "cpu")
    assert empty == {}
    save_model(tmp_path / "epoch_2.pt", MoeConfig(hidden_units=8, num_experts=5), num_blocks=2)
    with pytest.raises(InputError, match="epoch_2.pt has other experts than .*averaged.pt; remove"):
        compare_checkpoints(tmp_path, routes, reported.data_dir, 1000, "cpu")
