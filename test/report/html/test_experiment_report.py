"""The facts that a report gives about one experiment."""

import json
import shutil

import numpy as np
import pytest
from reported import TEXTS, make_reported

from moeasr.errors import InputError
from moeasr.report.html.experiment_report import ReportSettings, report_experiment


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    return make_reported(tmp_path_factory.mktemp("reported"))


def report(reported, **settings):
    settings = {"data_dir": str(reported.data_dir), "num_permutations": 3, **settings}
    return report_experiment(reported.exp_dir, ReportSettings(**settings))


def test_a_complete_experiment_has_all_parts(reported):
    found = report(reported)
    assert found.notes == {}
    assert found.name == str(reported.exp_dir)
    assert found.training.dev_wer == [(1, 50.0), (2, 25.0)]
    assert found.decodings.best["num_utts"] == len(TEXTS)
    assert [group.name for group in found.errors.by_speaker] in (["ann", "bob"], ["bob", "ann"])
    assert sum(group.num_utts for group in found.errors.by_length) == len(TEXTS)
    assert found.experts.checkpoints == {"epoch_1.pt": [1.0, 1.0]}
    assert len(found.moe_layers) == 2 and found.experts.layers == found.moe_layers
    assert len(found.views) == 3 and all(view.audio for view in found.views)
    assert found.views[0].utt_id == found.errors.worst[0]
    assert found.alignments.keys() == TEXTS.keys()


def test_utterances_can_be_chosen(reported):
    assert [view.utt_id for view in report(reported, utterances=("b2", "a1")).views] == ["b2", "a1"]
    assert [view.utt_id for view in report(reported, utterances=("z", "a2")).views] == ["a2"]


def test_an_experiment_of_another_recipe_is_measured_on_its_own_data(
    reported, tmp_path, monkeypatch
):
    """The paths in its files are relative to the directory of its recipe."""
    recipe = tmp_path / "recipe"
    data_dir, exp_dir = recipe / "data" / reported.data_dir.name, recipe / "exp" / "x"
    shutil.copytree(reported.data_dir.parent / "audio", recipe / "audio")
    shutil.copytree(reported.data_dir, data_dir)
    shutil.copytree(reported.exp_dir, exp_dir, copy_function=shutil.copy2)
    wav_scp = data_dir / "wav.scp"
    wav_scp.write_text(wav_scp.read_text().replace(f"{reported.data_dir.parent}/", ""))
    path = next(exp_dir.glob("decode_*/*/decode.json"))
    recorded = {"checkpoint": "exp/x/averaged.pt", "data_dir": f"data/{data_dir.name}"}
    path.write_text(json.dumps(json.loads(path.read_text()) | recorded))
    monkeypatch.chdir(tmp_path)
    found = report_experiment("recipe/exp/x", ReportSettings(num_permutations=3))
    wanted = report(reported)
    assert found.name == "recipe/exp/x" and found.notes == {}
    assert str(found.decodings.data_dir) == f"recipe/data/{data_dir.name}"
    np.testing.assert_array_equal(found.experts.relations, wanted.experts.relations)
    assert [view.audio for view in found.views] == [view.audio for view in wanted.views]


def test_a_dense_model_has_no_experts(tmp_path):
    found = report(make_reported(tmp_path, has_experts=False))
    assert found.experts is None
    assert found.notes == {"experts": "The encoder of this model has no experts."}
    assert found.views and found.views[0].experts == [] and found.views[0].units
    assert found.errors.by_speaker


def test_missing_parts_get_a_sentence(reported, tmp_path):
    one = reported.copy(tmp_path)
    (one.data_dir / "utt2spk").unlink()
    (one.exp_dir / "metrics.jsonl").unlink()
    found = report(one)
    assert found.notes == {
        "training": f"{one.exp_dir} has no metrics.jsonl with losses; run stage 3."
    }
    assert [label.name for label in found.experts.labels] == ["unit", "blank", "position"]
    assert found.errors.by_speaker == []
    (one.exp_dir / f"decode_{one.data_dir.name}").rename(tmp_path / "away")
    found = report(one)
    assert found.notes["errors"].endswith(
        "has no scored decoding; run stages 4 and 5 of its recipe."
    )
    assert found.errors is None and [view.utt_id for view in found.views] == list(TEXTS)[:3]
    found = report(one, data_dir=None)
    assert found.notes["experts"].startswith("To analyse the experts, give a data directory")
    assert found.experts is None and found.views == []
    (one.exp_dir / "averaged.pt").unlink()
    with pytest.raises(
        InputError, match="has no training, no checkpoint and no decoding to report"
    ):
        report(one)


def test_an_experiment_without_a_checkpoint_shows_its_results(reported, tmp_path):
    one = reported.copy(tmp_path)
    (one.exp_dir / "averaged.pt").unlink()
    found = report(one)
    assert found.notes == {"experts": f"{one.exp_dir}/averaged.pt does not exist; run stage 4."}
    assert found.errors.by_length and found.model == {} and found.views == []
    with pytest.raises(InputError, match="^data directory no/such does not exist$"):
        report(one, data_dir="no/such")


def test_a_label_file_that_misses_utterances_is_refused(reported, tmp_path):
    one = reported.copy(tmp_path)
    (one.data_dir / "utt2spk").write_text("a1 ann\na2 ann\nb1 bob\n")
    for name in ("averaged.pt", "epoch_1.pt"):  # with a model, and without
        with pytest.raises(InputError, match="utt2spk has no label of utterance b2; add its line"):
            report(one)
        (one.exp_dir / name).unlink()
    with pytest.raises(InputError, match="^experiment directory no/such does not exist$"):
        report_experiment("no/such", ReportSettings())


def test_a_subset_is_enough_to_see_the_experts(reported, tmp_path):
    """The errors are still those of the whole set that was decoded."""
    one = reported.copy(tmp_path)
    few = one.data_dir.with_name("few")
    one.data_dir.rename(few)
    for path in [few / name for name in ("text", "wav.scp", "utt2spk", "utt2num_frames")]:
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if line.startswith("a")))
    found = report(one, data_dir=str(few))
    assert found.decodings.set_dir == reported.data_dir
    assert sum(group.num_utts for group in found.errors.by_speaker) == 4
    assert found.experts.num_utts == 2 and {view.utt_id for view in found.views} == {"a1", "a2"}
