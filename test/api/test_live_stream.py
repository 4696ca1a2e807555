"""Live streams: pushed samples give the results of `moeasr stream`, at any rate."""

import numpy as np
import pytest
import soundfile
import torch

from moeasr.bin.stream import main
from moeasr.errors import InputError


def results_of(stream, samples, packet):
    """Push samples in packets, finish, and return all results."""
    packets = [samples[i : i + packet] for i in range(0, len(samples), packet)]
    results = [result for part in packets for result in stream.push(part)]
    return results + stream.finish()


@pytest.mark.parametrize("endpoint", [True, False])
def test_results_are_those_of_the_command(asr, exp_dir, sound, tmp_path, capsys, endpoint):
    samples = sound(16000, 2.0)
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    rules = {"rule3_min_utterance_length": 0.5} if endpoint else {}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in rules.items()]
    options += ["--endpoint", "on" if endpoint else "off"]
    options = ["--checkpoint", str(exp_dir), "--chunk-size=4", *options]
    main([*options, str(tmp_path / "a.wav")])
    lines = [line.split("\t")[2:] for line in capsys.readouterr().out.splitlines()]
    stream = asr.stream(sample_rate=16000, chunk_size=4, endpoint=endpoint, **rules)
    results = results_of(stream, samples, packet=1600)
    assert [["final" if r.is_final else "partial", r.text] for r in results] == lines
    assert len([r for r in results if r.is_final]) == (4 if endpoint else 1)
    assert any(not r.is_final for r in results)


@pytest.mark.parametrize("mode", [None, "ctc_greedy_search", "ctc_prefix_beam_search"])
def test_a_final_result_has_words_and_hypotheses_in_the_time_of_the_stream(asr, sound, mode):
    rules = {"rule3_min_utterance_length": 0.5}
    stream = asr.stream(sample_rate=16000, chunk_size=4, mode=mode, **rules)
    results = results_of(stream, sound(16000, 1.5), packet=999)
    finals = [result for result in results if result.is_final]
    assert len(finals) > 1 and finals[1].start > 0
    for result in finals:
        assert result.nbest[0].text == result.text == result.stable_text
        assert " ".join(word.text for word in result.words) == result.text
        times = [time for word in result.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert result.start <= times[0] and times[-1] <= result.end + 0.04
    partial = next(result for result in results if not result.is_final)
    assert not partial.words and not partial.nbest
    assert repr(partial).startswith(f"<partial 0.00-{partial.end:.2f} s '")


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 48000])
def test_a_final_result_is_what_the_same_chunks_give_offline(asr, sound, rate_hz):
    samples = sound(rate_hz, 1.0)
    final = results_of(asr.stream(sample_rate=rate_hz, chunk_size=4), samples, 700)[-1]
    assert final.text == asr.transcribe(samples, sample_rate=rate_hz, chunk_size=4).text != ""


def test_the_times_of_words_are_those_of_the_same_chunks_offline(asr, sound):
    samples, task = sound(16000, 1.0), {"sample_rate": 16000, "chunk_size": 4}
    for mode in ("ctc_greedy_search", "ctc_prefix_beam_search"):
        final = results_of(asr.stream(**task, mode=mode), samples, 700)[-1]
        offline = asr.transcribe(samples, **task, mode=mode)
        times = [
            [(word.text, round(word.start, 6), round(word.end, 6)) for word in result.words]
            for result in (final, offline)
        ]
        assert times[0] == times[1] != []


def test_types_and_packets_do_not_matter(asr, sound):
    samples = sound(44100, 1.0)
    texts = {
        results_of(asr.stream(sample_rate=44100, chunk_size=4), part, packet)[-1].text
        for part, packet in [
            (samples, 100),
            (samples / 2**15, 5000),
            (torch.from_numpy(samples), len(samples)),
        ]
    }
    assert len(texts) == 1 and texts != {""}


def test_a_resampled_stream_is_as_long_as_its_sound(asr, sound):
    for rate_hz in (16000, 44100):
        final = results_of(asr.stream(sample_rate=rate_hz), sound(rate_hz, 2.0), 4000)[-1]
        assert final.end == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sample_rate": None}, "samples need their sample rate"),
        ({"chunk_size": -1}, "chunk"),
        ({"chunk_sice": 8}, "unknown setting 'chunk_sice'; did you mean 'chunk_size'"),
        ({"endpoint": False, "blank_threshold": 0.5}, "`blank_threshold` has no effect with `endp"),
        ({"blank_threshold": 2.0}, "`blank_threshold` must be between 0 and 1"),
        ({"mode": "x"}, "unknown decoding mode 'x'"),
        ({"language": "en"}, "does not route by language"),
    ],
)
def test_what_cannot_be_done_is_refused_when_the_stream_is_opened(asr, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        asr.stream(**{"sample_rate": 16000, **settings})


def test_packets_are_checked_and_may_be_empty(asr):
    stream = asr.stream(sample_rate=48000)
    assert stream.push([]) == []
    assert stream.push(np.zeros((1, 2))) == []  # one sample of stereo
    with pytest.raises(InputError, match="the packet contains NaN"):
        stream.push([float("nan")])
    (final,) = stream.finish()
    assert (final.text, final.is_final) == ("", True)
    with pytest.raises(InputError, match="ended"):
        stream.push([0.0])
    with pytest.raises(InputError, match="ended"):
        stream.finish()
