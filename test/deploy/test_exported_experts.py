"""Folders of models with unusual experts, run by onnxruntime: the results of their checkpoints."""

import pytest
from speaking_model import save_speaking_model
from torch_folder import assert_same, export_folder

import moeasr
from moeasr.errors import InputError
from moeasr.moe.layer import MoeConfig

pytestmark = pytest.mark.slow
SIZES = {"hidden_units": 16, "num_experts": 4}
LOOK_AHEAD = MoeConfig(**SIZES, router="look_ahead", look_ahead_frames=3)
MERGED = MoeConfig(
    **SIZES, router="utterance", merge=True, experts_per_frame=1, expert_weights="full"
)
PRUNED = MoeConfig(**SIZES, merged_from=6)
MODES_OF_BOTH = ("ctc_greedy_search", "attention_rescoring")


def test_experts_that_are_chosen_by_later_frames_run_on_whole_recordings(sound, tmp_path):
    settings = {"feed_forward": LOOK_AHEAD, "macaron_feed_forward": MERGED}
    path = save_speaking_model(tmp_path / "averaged.pt", dynamic_chunk=False, **settings)
    with pytest.raises(InputError, match="no streaming export: .* reads later frames of an utt"):
        export_folder(path, sound, tmp_path)
    assert not (tmp_path / "folder").exists()
    folder = export_folder(path, sound, tmp_path, "--offline-only")
    exported, trained = moeasr.load(folder), moeasr.load(path)
    for mode in MODES_OF_BOTH:
        for seconds in (0.1, 0.5, 1.27, 3.0):
            task = {"sample_rate": 16000, "mode": mode}
            expected = trained.transcribe(sound(seconds), **task)
            assert expected.text
            assert_same(exported.transcribe(sound(seconds), **task), expected)
    for settings in ({}, {"num_left_chunks": 2}, {"chunk_size": 4}):
        with pytest.raises(InputError, match="without --offline-only"):
            exported.stream(sample_rate=16000, **settings)


def test_experts_that_were_merged_by_pruning_stream(sound, tmp_path):
    path = save_speaking_model(tmp_path / "averaged.pt", feed_forward=PRUNED)
    sizes = {"chunk_size": 4, "num_left_chunks": 2}
    options = ("--chunk-size", "4", "--num-left-chunks", "2")
    folder = export_folder(path, sound, tmp_path, *options)
    engines = moeasr.load(folder), moeasr.load(path)
    for mode in MODES_OF_BOTH:
        task = {"sample_rate": 16000, "mode": mode}
        for seconds in (0.1, 1.27):
            assert_same(*(asr.transcribe(sound(seconds), **task) for asr in engines))
        results = []
        for asr in engines:
            stream = asr.stream(**task, **sizes)
            results.append([*stream.push(sound(3.0)), *stream.finish()])
        assert len(results[0]) == len(results[1])
        assert results[0][-1].text
        for found, expected in zip(*results):
            assert_same(found, expected)
