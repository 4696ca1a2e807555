"""Streams, which give the results of offline decoding in chunks in bounded memory."""

import dataclasses
import math
from itertools import pairwise

import pytest
import torch
from checkpoints import UNITS, save_model
from rounding import FBANK_STEPS, NETWORK_STEPS, assert_close

from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.streaming_recognizer import StreamingRecognizer
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.searches import SEARCHES
from moeasr.errors import InputError
from moeasr.moe.layer import MoeConfig

MODES = list(SEARCHES)
LIVE = [mode for mode, search in SEARCHES.items() if search.live is not None]
MOE = MoeConfig(hidden_units=16, num_experts=4)


def assert_same_scores(streamed, offline):
    """Check that the scores are equal up to the rounding of float32 features."""
    found, expected = ([h.score for h in nbest] for nbest in (streamed, offline))
    assert_close(torch.tensor(found), torch.tensor(expected), FBANK_STEPS + NETWORK_STEPS)


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    path = save_model(tmp_path_factory.mktemp("model") / "x.pt", MOE, num_blocks=2)
    one = Recognizer.from_checkpoint(path)
    # Frames of an untrained model differ little, so CTC is scaled to amplify their differences.
    feats = one.features(sound(3.0))
    with torch.inference_mode():
        enc = one.model.encode(feats[None], torch.tensor([len(feats)])).enc[0]
        project = one.model.ctc.project
        project.weight.data *= 10
        project.bias.data.copy_(-project.weight @ enc.mean(dim=0))
    return Recognizer(one.model.double(), one.tokenizer, one.fbank, one.info, one.device)


def sound(seconds):
    """Return notes of 0.12 s and pauses, so that the frames differ."""
    generator = torch.Generator().manual_seed(1)
    num_samples = int(seconds * 16000)
    notes = torch.rand(num_samples // 1920 + 1, generator=generator)
    pitch = (100 * 40**notes).repeat_interleave(1920)[:num_samples]
    loudness = (notes > 0.3).repeat_interleave(1920)[:num_samples]
    hiss = 0.003 * torch.randn(num_samples, generator=generator)
    return 0.3 * loudness * torch.sin(2 * torch.pi * (pitch / 16000).cumsum(0)) + hiss


def stream_all(streaming, waveform, packet=1600):
    stream = streaming.open()
    results = [result for part in waveform.split(packet) for result in stream.accept(part)]
    return results + stream.finish()


@pytest.mark.parametrize("num_left_chunks", [-1, 1])
@pytest.mark.parametrize("chunk_size", [1, 4, 100])
@pytest.mark.parametrize("mode", MODES)
def test_a_stream_gives_the_result_of_offline_decoding(
    recognizer, mode, chunk_size, num_left_chunks
):
    config = DecodeConfig(beam_size=4, chunk_size=chunk_size, num_left_chunks=num_left_chunks)
    streaming = StreamingRecognizer(recognizer, mode, config)
    for seconds in (1.0, 1.27, 0.3):
        waveform = sound(seconds)
        feats = recognizer.features(waveform).double()
        offline = recognizer.recognize([feats], [mode], config)[mode][0]
        results = stream_all(streaming, waveform)
        assert [r.is_final for r in results] == [False] * (len(results) - 1) + [True]
        streamed = results[-1].nbest
        assert streamed[0].tokens  # an empty hypothesis would show nothing
        assert [h.tokens for h in streamed] == [h.tokens for h in offline]
        assert_same_scores(streamed, offline)
        assert results[-1].text == recognizer.text(offline[0])


@pytest.mark.parametrize("mode", [m for m in MODES if "fusion" in SEARCHES[m].settings])
def test_boosted_phrases_change_streams_like_offline_decoding(recognizer, mode, tmp_path):
    waveform = sound(1.0)
    feats = recognizer.features(waveform).double()
    config = DecodeConfig(beam_size=4, chunk_size=4)
    plain = recognizer.recognize([feats], [mode], config)[mode][0]
    path = tmp_path / "phrases.txt"
    path.write_text(recognizer.text(plain[0]).split()[-1])
    config = dataclasses.replace(config, fusion=FusionConfig(context=str(path)))
    offline = recognizer.recognize([feats], [mode], config)[mode][0]
    streamed = stream_all(StreamingRecognizer(recognizer, mode, config), waveform)[-1].nbest
    assert any(h.fusion_score > 0 for h in streamed)
    assert [h.tokens for h in streamed] == [h.tokens for h in offline]
    assert_same_scores(streamed, offline)


@pytest.mark.parametrize("packet", [1, 160, 999, 16000])
def test_the_packet_size_does_not_change_the_results(recognizer, packet):
    streaming = StreamingRecognizer(
        recognizer, "attention_rescoring", DecodeConfig(beam_size=3, chunk_size=3)
    )
    waveform = sound(0.8)
    found, expected = stream_all(streaming, waveform, packet), stream_all(streaming, waveform)
    assert [(r.text, r.is_final, r.end_sec) for r in found] == [
        (r.text, r.is_final, r.end_sec) for r in expected
    ]


@pytest.mark.parametrize("mode", MODES)
def test_partial_results_follow_each_chunk_and_stable_text_never_changes(recognizer, mode):
    config = DecodeConfig(beam_size=4, chunk_size=4)
    results = stream_all(StreamingRecognizer(recognizer, mode, config), sound(3.0))
    partials = results[:-1]
    assert len(partials) > 5
    assert all(left.text != right.text for left, right in zip(partials, partials[1:]))
    for number, result in enumerate(partials):
        assert (result.end_sec / 0.04) == pytest.approx(round(result.end_sec / 0.04))
        assert result.text.startswith(result.stable_text)
        assert all(later.text.startswith(result.stable_text) for later in partials[number:])
    assert any(result.stable_text for result in partials)


@pytest.mark.parametrize("mode", LIVE)
def test_settled_text_of_a_long_stream_is_not_decoded_again(recognizer, mode, monkeypatch):
    streaming = StreamingRecognizer(recognizer, mode, DecodeConfig(beam_size=4, chunk_size=4))
    expected = [(r.text, r.stable_text) for r in stream_all(streaming, sound(6.0))]
    monkeypatch.setattr("moeasr.decode.live.recognition_stream.SETTLE_UNITS", 4)
    stream, found = streaming.open(), []
    for packet in sound(6.0).split(1600):
        found += stream.accept(packet)
    assert [(r.text, r.stable_text) for r in found + stream.finish()] == expected
    assert stream._utterance.num_settled >= 10


def test_an_utterance_after_an_end_point_is_recognised_like_the_first(recognizer):
    """Use rule 3 alone, which ends an utterance every 0.48 s, in chunks of 0.16 s."""
    config = DecodeConfig(beam_size=4, chunk_size=4)
    rules = EndpointConfig(
        rule1_min_trailing_silence=99.0,
        rule2_min_trailing_silence=99.0,
        rule3_min_utterance_length=0.4,
    )
    streaming = StreamingRecognizer(recognizer, "attention_rescoring", config, rules)
    waveform = sound(1.6)
    finals = [result for result in stream_all(streaming, waveform) if result.is_final]
    assert [round(final.start_sec, 2) for final in finals] == [0.0, 0.48, 0.96, 1.44]
    feats = recognizer.features(waveform).double()
    for final in finals[:3]:
        first = round(final.start_sec * 100)
        # 12 encoder frames, and the feature frames that the last of them sees
        alone = recognizer.recognize([feats[first : first + 51]], [streaming.mode], config)
        assert final.text == recognizer.text(alone[streaming.mode][0][0])


class Said:
    """A CTC head with known output.

    It gives `a` a probability near 1 in frames `x` and 0.6 in frames `?`, and the blank a
    probability of 0.4 in `?` and near 1 in `_`.
    """

    def __init__(self, pattern):
        self.pattern = iter(pattern)

    def __call__(self, enc):
        signs = [next(self.pattern, "_") for _ in range(enc.size(1))]
        log_probs = torch.full((1, len(signs), len(UNITS)), -9.0, dtype=enc.dtype)
        for place, sign in enumerate(signs):
            if sign in "x?":
                log_probs[0, place, UNITS.index("a")] = -1e-3 if sign == "x" else math.log(0.6)
            if sign in "_?":
                log_probs[0, place, 0] = -1e-3 if sign == "_" else math.log(0.4)
        return log_probs


@pytest.mark.parametrize(
    ("mode", "stable"), [("ctc_greedy_search", "a"), ("ctc_prefix_beam_search", "")]
)
def test_text_that_one_hypothesis_lacks_is_not_stable(recognizer, monkeypatch, mode, stable):
    """One frame has `a` with probability 0.6 and blank with 0.4. Greedy search keeps only `a`."""
    monkeypatch.setattr(recognizer.model, "ctc_log_probs", Said("?"))
    streaming = StreamingRecognizer(recognizer, mode, DecodeConfig(beam_size=2, chunk_size=1))
    results = stream_all(streaming, torch.zeros(1600))
    assert [(r.text, r.stable_text) for r in results] == [("a", stable), ("a", "a")]


@pytest.mark.parametrize(("frame_shift_ms", "num_silent"), [(10.0, 8), (20.0, 4)])
def test_silence_after_speech_ends_an_utterance_sooner_than_silence_alone(
    recognizer, monkeypatch, frame_shift_ms, num_silent
):
    """Use rule 2 alone, with 0.3 s: 8 frames of 40 ms or 4 frames of 80 ms after speech."""
    said = "_" * 10 + "x_x" + "_" * 18 + "xx" + "_" * 9
    rules = EndpointConfig(
        rule1_min_trailing_silence=99.0,
        rule2_min_trailing_silence=0.3,
        rule3_min_utterance_length=99.0,
    )
    monkeypatch.setattr(recognizer.model, "ctc_log_probs", Said(said))
    fbank = dataclasses.replace(recognizer.fbank, frame_shift_ms=frame_shift_ms)
    monkeypatch.setattr(recognizer, "fbank", fbank)
    streaming = StreamingRecognizer(
        recognizer, "ctc_greedy_search", DecodeConfig(chunk_size=1), rules
    )
    frame_sec = frame_shift_ms * 4e-3
    waveform = torch.zeros(round(len(said) * frame_sec * 16000))
    found = [(r.text, r.start_sec, r.end_sec, r.is_final) for r in stream_all(streaming, waveform)]
    ends = [13 + num_silent, 33 + num_silent]  # of both utterances, in frames
    assert found == [
        (text, pytest.approx(first * frame_sec), pytest.approx(end * frame_sec), is_final)
        for text, first, end, is_final in [
            ("a", 0, 11, False),
            ("aa", 0, 13, False),
            ("aa", 0, ends[0], True),
            ("a", ends[0], 32, False),
            ("a", ends[0], ends[1], True),
        ]
    ]


def test_end_points_without_speech_give_no_results(recognizer, monkeypatch):
    """Rule 1 ends silence every 0.16 s. Later speech starts at the last end point."""
    rules = EndpointConfig(rule1_min_trailing_silence=0.16, rule2_min_trailing_silence=0.16)
    streaming = StreamingRecognizer(
        recognizer, "ctc_greedy_search", DecodeConfig(chunk_size=1), rules
    )
    for said, expected in [
        ("_" * 10, [("", 8, True)]),
        ("_" * 9 + "x", [("a", 8, False), ("a", 8, True)]),
    ]:
        monkeypatch.setattr(recognizer.model, "ctc_log_probs", Said(said))
        results = stream_all(streaming, torch.zeros(11 * 640))  # ten encoder frames
        assert [(r.text, round(r.start_sec / 0.04), r.is_final) for r in results] == expected


def test_a_stream_is_routed_by_its_language(tmp_path):
    routed = MoeConfig(hidden_units=16, num_experts=4, router="language")
    one = Recognizer.from_checkpoint(save_model(tmp_path / "x.pt", routed, ("en", "zh")))
    config, waveform = DecodeConfig(chunk_size=4), sound(1.0)
    streaming, feats = StreamingRecognizer(one, MODES[0], config), one.features(waveform)
    scores = []
    for language in (0, 1):
        stream = streaming.open(language)
        results = stream.accept(waveform) + stream.finish()
        offline = one.recognize([feats], MODES[:1], config, languages=[language])[MODES[0]][0]
        assert_same_scores(results[-1].nbest, offline)
        scores.append(offline[0].score)
    assert abs(scores[0] - scores[1]) > 0.1


def test_memory_of_an_utterance_is_released_at_its_end(recognizer):
    config = DecodeConfig(beam_size=4, chunk_size=4, num_left_chunks=2)
    rules = EndpointConfig(rule3_min_utterance_length=0.6)
    stream = StreamingRecognizer(recognizer, "attention_rescoring", config, rules).open()
    held = set()
    for packet in sound(6.0).split(1600):
        stream.accept(packet)
        held.add((len(stream._utterance.chunks), stream._encoder._state.encoder.num_past))
    assert max(chunks for chunks, _ in held) <= 4
    assert max(past for _, past in held) == 8


def test_a_partial_result_is_followed_by_a_final_result_even_if_it_is_empty(recognizer):
    rules = EndpointConfig(rule3_min_utterance_length=0.4)
    config = DecodeConfig(beam_size=4, chunk_size=4)
    streaming = StreamingRecognizer(recognizer, "attention_rescoring", config, rules)
    empty = Hypothesis(tokens=(), score=0.0)
    streaming.search = streaming.search._replace(second_pass=lambda *_: [[empty]])
    results = stream_all(streaming, sound(1.3))
    finals = [result.is_final for result in results]
    assert finals.count(True) == 3 and finals[-1]  # also at end points
    assert all(not first or not second for first, second in pairwise(finals))
    assert {result.text for result in results if result.is_final} == {""}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("num_samples", [0, 1, 160, 800])
def test_very_short_audio_gives_one_empty_result(recognizer, mode, num_samples):
    streaming = StreamingRecognizer(recognizer, mode, DecodeConfig(chunk_size=4))
    (result,) = stream_all(streaming, sound(1.0)[:num_samples])
    assert (result.is_final, result.text) == (True, "")


def test_silence_gives_a_final_result(recognizer):
    streaming = StreamingRecognizer(
        recognizer, "attention_rescoring", DecodeConfig(chunk_size=4), EndpointConfig()
    )
    results = stream_all(streaming, torch.zeros(32000))
    assert results[-1].is_final
    assert all(not torch.tensor(result.nbest[0].score).isnan() for result in results[-1:])


def test_settings_and_models_that_cannot_stream_are_refused(tmp_path, recognizer):
    with pytest.raises(InputError, match="`chunk_size` must be at least 1 to stream, but is -1"):
        StreamingRecognizer(recognizer, "attention", DecodeConfig())
    with pytest.raises(InputError, match="`ctc_weight` is CTC's share"):
        StreamingRecognizer(recognizer, "joint_decoding", DecodeConfig(chunk_size=4, ctc_weight=2))
    path = save_model(tmp_path / "x.pt", causal_conv=False, dynamic_chunk=False)
    with pytest.raises(InputError, match="causal_conv: false"):
        StreamingRecognizer(
            Recognizer.from_checkpoint(path), "attention", DecodeConfig(chunk_size=4)
        )
    with pytest.raises(InputError, match="unknown decoding mode"):
        StreamingRecognizer(recognizer, "guess", DecodeConfig(chunk_size=4))
    mute = Recognizer.from_checkpoint(save_model(tmp_path / "y.pt"))
    del mute.model.heads["ctc"]
    with pytest.raises(InputError, match="cannot be streamed: partial results come from CTC"):
        StreamingRecognizer(mute, "attention", DecodeConfig(chunk_size=4))
