"""Simulation of live streams over a test set: hypotheses, error rate, speed and latencies."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from moeasr.audio.waveforms import read_waveforms
from moeasr.data.data_type import find_data_type
from moeasr.datadir.utterances import Utterances
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.playback import Playback
from moeasr.decode.live.streaming_recognizer import StreamingRecognizer
from moeasr.decode.mode_dir import ModeResult, mode_dir_name, write_mode_dirs
from moeasr.decode.test_set import describe_model, describe_settings
from moeasr.logs import progress
from moeasr.score.error_rate import pair_up, require_hypotheses, word_error_rate
from moeasr.score.lines import kaldi_rate_line
from moeasr.text.transcript import read_transcripts
from moeasr.version import describe_commit

PERCENTILES = (50, 90, 95)
LATENCIES = {
    "first_partial_latency_sec": "delay of the first partial result after its first unit, s",
    "final_latency_sec": "delay of the final result after the end of the audio, s",
}
"""Keys of `decode.json`, and their names in the summary; p50 is the 50th percentile."""


def read_references(text: Path, utterances: Utterances) -> dict[str, str] | None:
    """Read the transcripts of a test set; None if there are none.

    Args:
        text: The file `text` of the data directory, which may be missing.
        utterances: The utterances of the data directory.

    Raises:
        InputError: The transcripts cannot be scored, or a transcript has no utterance.
    """
    if not text.is_file():
        return None
    refs = read_transcripts(text)
    keys = np.array([utt_id.encode() for utt_id in refs])
    absent = [key.decode() for key in keys[utterances.indices_of(keys) < 0]]
    require_hypotheses(len(refs), absent)
    return refs


@dataclass(frozen=True)
class SimulatedUtterance:
    """The results of one utterance that was streamed as if live."""

    hypotheses: Sequence[Hypothesis]
    """Hypotheses, best first."""
    audio_sec: float
    """Length of the audio."""
    busy_sec: float
    """Time of computation."""
    first_partial_latency_sec: float | None
    """Time from the end of the frame of the first unit to the first result with text; None if
    nothing was recognised."""
    final_latency_sec: float
    """Time from the end of the audio to the final result."""


def simulate_utterance(
    streaming: StreamingRecognizer, waveform: Tensor, packet_sec: float, language: int | None
) -> SimulatedUtterance:
    """Stream one utterance without endpoint detection.

    Args:
        streaming: The recogniser.
        waveform: (S,) samples at the rate of the model.
        packet_sec: Length of the packets in which the audio arrives.
        language: Index of the language; None for a model without languages.
    """
    rate_hz = streaming.recognizer.fbank.sample_rate_hz
    playback = Playback(streaming.open(language), rate_hz, packet_sec)
    timed = list(playback.run([waveform]))
    final = timed[-1]
    first_shown = next((item.shown_sec for item in timed if item.result.text), None)
    latency, best = None, final.result.nbest[0]
    if first_shown is not None and best.frames:
        latency = first_shown - (best.frames[0] + 1) * streaming.frame_sec
    audio_sec = waveform.numel() / rate_hz
    return SimulatedUtterance(
        hypotheses=final.result.nbest,
        audio_sec=audio_sec,
        busy_sec=playback.busy_sec,
        first_partial_latency_sec=latency,
        final_latency_sec=final.shown_sec - audio_sec,
    )


def simulate_test_set(
    streaming: StreamingRecognizer,
    waveforms: Iterable[tuple[str, Tensor, int | None]],
    packet_sec: float,
) -> dict[str, SimulatedUtterance]:
    """Stream the utterances of a test set, one after the other.

    The first utterance is streamed twice, because the first calls are slower than all others.

    Args:
        streaming: The recogniser.
        waveforms: Id, (S,) samples at the rate of the model, and language of each utterance.
        packet_sec: Length of the packets in which the audio arrives.
    """
    done: dict[str, SimulatedUtterance] = {}
    for utt, waveform, language in waveforms:
        work = (streaming, waveform, packet_sec, language)
        if not done:
            simulate_utterance(*work)
        done[utt] = simulate_utterance(*work)
    return done


def describe_simulation(
    streaming: StreamingRecognizer, utterances: Mapping[str, SimulatedUtterance]
) -> dict[str, Any]:
    """Return settings, speed, latencies and the model, as `decode.json` holds them."""
    done = list(utterances.values())
    audio_sec = sum(utterance.audio_sec for utterance in done)
    busy_sec = sum(utterance.busy_sec for utterance in done)
    firsts = [utterance.first_partial_latency_sec for utterance in done]
    return {
        **describe_settings(streaming.mode, streaming.config),
        "rtf": busy_sec / audio_sec if audio_sec else 0.0,
        "rtf_includes_features": True,
        "audio_sec": audio_sec,
        "wall_sec": busy_sec,
        "num_utts": len(done),
        "first_partial_latency_sec": _spread([sec for sec in firsts if sec is not None]),
        "final_latency_sec": _spread([utterance.final_latency_sec for utterance in done]),
        **describe_model(streaming.recognizer),
    }


def write_simulation(
    out_dir: str | Path,
    streaming: StreamingRecognizer,
    done: Mapping[str, SimulatedUtterance],
    refs: Mapping[str, str] | None,
    provenance: Mapping[str, Any],
) -> list[str]:
    """Write the directory of a mode, and return the lines of a summary.

    Args:
        out_dir: The directory in which `MODE_chunkC_stream` is created.
        streaming: The recogniser.
        done: The results of each utterance.
        refs: The transcript of each utterance; None leaves the error rate out.
        provenance: Further content of `decode.json`, beside settings, speed and model.
    """
    about = {**describe_simulation(streaming, done), **provenance}
    nbest = {utt: utterance.hypotheses for utt, utterance in done.items()}
    name = mode_dir_name(streaming.mode, streaming.config.chunk_size) + "_stream"
    to_text, to_times = streaming.recognizer.tokenizer.decode, streaming.recognizer.times
    write_mode_dirs(out_dir, [ModeResult(name, nbest, about)], to_text, to_times)
    lines = []
    if refs is not None:
        hyps = {utt: to_text(best[0].tokens) for utt, best in nbest.items()}
        rate = kaldi_rate_line(word_error_rate(pair_up(refs, hyps)), "WER")
        lines.append(f"{rate} (errors in percent of the words)")
    lines.append(f"{about['rtf']:.4f} s of computing per second of audio, with filter banks")
    for key, label in LATENCIES.items():
        spread = ", ".join(f"{name} {sec:.3f}" for name, sec in about[key].items())
        lines.append(f"{label}: {spread or 'none had text'}")
    return lines


def simulate_data_dir(
    streaming: StreamingRecognizer,
    data_dir: str,
    out_dir: str,
    packet_ms: float,
    provenance: Mapping[str, Any],
) -> list[str]:
    """Stream the utterances of a data directory, write the results, and return a summary.

    Args:
        streaming: The recogniser.
        data_dir: A directory with `wav.scp`, and perhaps `text`.
        out_dir: As in `write_simulation`.
        packet_ms: Length of the packets in which the audio arrives.
        provenance: Further content of `decode.json`, such as the checkpoint and the command.

    Raises:
        InputError: The directory is invalid or empty, or its transcripts cannot be scored.
    """
    recognizer = streaming.recognizer
    utterances = find_data_type("raw").open(data_dir, recognizer.labels)
    refs = read_references(Path(data_dir) / "text", utterances)
    waveforms = read_waveforms(utterances, recognizer.fbank.sample_rate_hz)
    waveforms = progress(waveforms, "streaming", len(utterances), "utterances")
    done = simulate_test_set(streaming, waveforms, packet_ms * 1e-3)
    of_set = {"packet_ms": packet_ms, "set": Path(data_dir).resolve().name}
    provenance = {**of_set, "decode_commit": describe_commit(), **provenance}
    return write_simulation(out_dir, streaming, done, refs, provenance)


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Return mean, percentiles (nearest rank) and maximum; an empty dict without values."""
    if not values:
        return {}
    ordered = sorted(values)
    ranks = {f"p{p}": ordered[math.ceil(p / 100 * len(ordered)) - 1] for p in PERCENTILES}
    return {"mean": sum(ordered) / len(ordered), **ranks, "max": ordered[-1]}
