"""The results of a simulated stream of a test set: hypotheses, error rate, speed and latencies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moeasr.decode.live.playback import SimulatedUtterance, describe_simulation
from moeasr.decode.live.stream import StreamingRecognizer
from moeasr.decode.mode_dir import ModeResult, mode_dir_name, write_mode_dirs
from moeasr.score.error_rate import pair_up, word_error_rate
from moeasr.score.lines import kaldi_rate_line


def write_simulation(
    out_dir: str | Path,
    streaming: StreamingRecognizer,
    done: Mapping[str, SimulatedUtterance],
    refs: Mapping[str, str] | None,
    provenance: Mapping[str, Any],
) -> list[str]:
    """Write the directory of a mode, and return the lines that sum it up.

    Args:
        out_dir: Where the directory `MODE_chunkC_stream` is written.
        streaming: The recogniser.
        done: Utterance -> what was made of it.
        refs: Utterance -> transcript; None leaves the error rate out.
        provenance: What `decode.json` is to say beside settings, speed and model.
    """
    about = {**describe_simulation(streaming, done), **provenance}
    nbest = {utt: utterance.hypotheses for utt, utterance in done.items()}
    name = mode_dir_name(streaming.mode, streaming.config.chunk_size) + "_stream"
    to_text, to_times = streaming.recognizer.tokenizer.decode, streaming.recognizer.times
    write_mode_dirs(out_dir, [ModeResult(name, nbest, about)], to_text, to_times)
    lines = []
    if refs is not None:
        hyps = {utt: to_text(best[0].tokens) for utt, best in nbest.items()}
        lines.append(kaldi_rate_line(word_error_rate(pair_up(refs, hyps)), "WER"))
    lines.append(f"real-time factor {about['rtf']:.4f}, features included")
    for what in ("first_partial_latency_sec", "final_latency_sec"):
        spread = ", ".join(f"{name} {sec:.3f}" for name, sec in about[what].items())
        lines.append(f"{what.removesuffix('_sec').replace('_', ' ')}, s: {spread}")
    return lines
