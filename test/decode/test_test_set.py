"""Decoding of a test set: order of results, times, and the content of decode.json."""

import dataclasses
import logging

import torch

from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.recognizer import RecognizedBatch
from moeasr.decode.test_set import decode_test_set, describe
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import ParamCounts
from moeasr.models.heads.group_head import Identified


class FakeModel(torch.nn.Linear):
    """A model with parameters to count that needs at least seven frames."""

    def output_len(self, num_frames):
        return max(0, num_frames - 6)


class FakeRecognizer:
    """A recognizer with fixed times.

    Each batch takes 1 s in the encoder and 2 s or 4 s in the search. The first batch takes a minute
    more.
    """

    fbank = FbankConfig(frame_shift_ms=20.0)
    device = torch.device("cpu")
    info = {"commit": "abc", "seed": 3, "config_name": "tiny", "averaged_epochs": [1, 2]}
    model = FakeModel(3, 4)
    params = ParamCounts(total=16, active=9)
    precision = "fp32"
    experts_per_frame = None

    def __init__(self, *identified):
        self.identified = Identified(*identified)
        self.batches = []
        self.languages = []

    def recognize_batch(self, feats, modes, config, languages):
        warm_up = 60.0 if not self.batches else 0.0
        self.batches.append([len(utt) for utt in feats])
        self.languages.append(languages)
        nbest = {
            mode: [[Hypothesis(tokens=(len(utt),), score=0.0)] for utt in feats] for mode in modes
        }
        search_sec = {mode: 2.0 * n for n, mode in enumerate(modes, start=1)}
        return RecognizedBatch(nbest, 1.0 + warm_up, search_sec, self.identified)


def run_it(recognizer, modes, languages=None):
    num_frames = [100, 300, 200]
    return decode_test_set(
        recognizer,
        [b"b", b"a", b"c"],
        num_frames,
        lambda index: torch.zeros(num_frames[index], 80),
        modes,
        DecodeConfig(),
        batch_frames=400,
        languages=languages,
    )


def test_results_keep_the_given_order_and_times_exclude_the_warm_up():
    recognizer = FakeRecognizer()
    run = run_it(recognizer, ["attention", "ctc_greedy_search"])
    assert recognizer.batches == [[300], [300], [200, 100]]
    assert recognizer.languages == [None, None, None]
    for mode in ("attention", "ctc_greedy_search"):
        tokens = {utt: nbest[0].tokens[0] for utt, nbest in run.nbest[mode].items()}
        assert list(tokens.items()) == [("b", 100), ("a", 300), ("c", 200)]
    assert run.audio_sec == 12.0  # 600 frames of 20 ms
    assert run.encoder_sec == 2.0
    assert run.wall_sec("attention") == 2.0 + 4.0
    assert run.real_time_factor("attention") == 6.0 / 12.0
    assert run.real_time_factor("ctc_greedy_search") == (2.0 + 8.0) / 12.0


def test_the_duration_of_audio_comes_from_the_features_that_were_read():
    recognizer = FakeRecognizer()
    run = decode_test_set(
        recognizer,
        [b"a", b"b"],
        [100, 40],  # lengths from the table of another toolkit
        lambda index: torch.zeros((150, 6)[index], 80),
        ["attention"],
        DecodeConfig(),
        batch_frames=400,
        languages=None,
    )
    assert recognizer.batches == [[150, 6], [150, 6]]
    assert run.audio_sec == 156 * 0.02


def test_every_batch_gets_the_languages_of_its_utterances():
    recognizer = FakeRecognizer()
    run_it(recognizer, ["attention"], languages=[0, 2, 1])
    assert recognizer.languages == [[2], [2], [1, 0]]


def test_the_accuracy_of_labels_is_that_of_all_batches_without_the_warm_up(caplog):
    recognizer = FakeRecognizer(3, 4)  # of each batch: 3 of 4 frames
    with caplog.at_level(logging.INFO):
        run = run_it(recognizer, ["attention"], languages=[0, -1, 1])
    assert run.identified == (6, 8)
    assert "the labels of 75.00 % of 8 frames were identified correctly" in caplog.text
    about = describe(run, "attention", DecodeConfig(), recognizer)
    assert (about["label_accuracy"], about["label_frames"]) == (0.75, 8)
    without = run_it(FakeRecognizer(), ["attention"])
    assert "label_accuracy" not in describe(without, "attention", DecodeConfig(), recognizer)


def test_utterances_too_short_for_the_encoder_are_listed(caplog):
    recognizer = FakeRecognizer()
    num_frames = [7, 6, 0]
    with caplog.at_level(logging.WARNING):
        decode_test_set(
            recognizer,
            [b"long", b"tiny", b"none"],
            num_frames,
            lambda index: torch.zeros(num_frames[index], 80),
            ["attention"],
            DecodeConfig(),
            batch_frames=400,
            languages=None,
        )
    assert "2 utterances are too short for the encoder (empty text): tiny none" in caplog.text


def test_the_description_has_the_settings_that_each_mode_used():
    recognizer = FakeRecognizer()
    modes = ["attention", "ctc_greedy_search", "attention_rescoring"]
    run = run_it(recognizer, modes)
    config = DecodeConfig(beam_size=7, chunk_size=16, reverse_weight=0.2)
    attention, greedy, rescoring = (describe(run, mode, config, recognizer) for mode in modes)
    assert (attention["beam_size"], greedy["beam_size"]) == (7, None)
    assert (attention["ctc_weight"], rescoring["ctc_weight"]) == (None, 0.5)
    assert (attention["reverse_weight"], rescoring["reverse_weight"]) == (None, 0.2)
    assert attention["mode"] == "attention"
    assert (attention["chunk_size"], attention["num_left_chunks"]) == (16, -1)
    assert (attention["length_penalty"], rescoring["length_penalty"]) == (0.0, None)
    assert attention["num_utts"] == 3
    assert attention["rtf_includes_features"] is False
    assert attention["num_threads"] == torch.get_num_threads()
    assert (attention["total_params"], attention["active_params"]) == (16, 9)
    assert (attention["audio_sec"], attention["encoder_sec"]) == (12.0, 2.0)
    assert (attention["search_sec"], attention["wall_sec"], attention["rtf"]) == (4.0, 6.0, 0.5)
    assert (greedy["search_sec"], greedy["wall_sec"], greedy["rtf"]) == (8.0, 10.0, 10 / 12)
    assert (attention["commit"], attention["seed"], attention["config"]) == ("abc", 3, "tiny")
    assert attention["averaged_epochs"] == [1, 2]
    assert attention["device"] == "cpu"
    assert attention["precision"] == "fp32"
    assert attention["fusion"] is None
    fused = dataclasses.replace(config, fusion=FusionConfig(context="x.txt", context_score=2.0))
    assert describe(run, "attention", fused, recognizer)["fusion"] == {
        "context": "x.txt",
        "context_score": 2.0,
    }
