"""The decoding graph of a folder, and the comparison of sherpa-onnx with moeasr's own search."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch

from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.recognizer import Recognizer
from moeasr.export.dev_set import DevSet
from moeasr.export.graph.sherpa_decoder import sherpa_texts
from moeasr.export.graph.write_graph import GRAPH_FILE, write_graph
from moeasr.score.error_rate import pair_up, word_error_rate

MODE = "ctc_prefix_beam_search"


@dataclass(frozen=True)
class GraphReport:
    """The measurements of a decoding graph on the dev set."""

    size_mb: float
    num_states: int
    sherpa_wer: float | None
    """Word error rate of sherpa-onnx with the graph, percent; None without audio."""
    own_wer: float | None
    """Word error rate of moeasr's prefix beam search with the same files, percent."""

    def line(self) -> str:
        """Return the measurements in one line."""
        text = f"{GRAPH_FILE}: {self.size_mb:.1f} MB, {self.num_states} states"
        if self.sherpa_wer is None or self.own_wer is None:
            return f"{text}; not compared, because the dev set has no wav.scp"
        return (
            f"{text}; with it, sherpa-onnx has {self.sherpa_wer:.2f} % WER on whole recordings, "
            f"and moeasr's {MODE} {self.own_wer:.2f} %"
        )


def write_checked_graph(
    folder: Path, recognizer: Recognizer, fusion: FusionConfig, dev_set: DevSet
) -> GraphReport:
    """Write the decoding graph into a model folder, and measure it.

    Args:
        folder: A folder with `model.onnx` and `tokens.txt`.
        recognizer: The checkpoint's model.
        fusion: Language model, phrases and their weights.
        dev_set: Utterances that both decoders recognise.

    Raises:
        InputError: A file is missing or does not fit the units, or a package is not installed.
    """
    record = write_graph(folder, recognizer.tokenizer, fusion)
    report = GraphReport(record.num_bytes / 1e6, record.num_states, None, None)
    if dev_set.recordings is None:
        return report
    utts = [utt.decode() for utt in dev_set.recordings.utt_ids]
    recordings = (samples for _, samples in dev_set.waveforms())
    texts = sherpa_texts(folder, recordings, dev_set.sample_rate_hz)
    feats = dict(dev_set.feats)
    config = DecodeConfig(fusion=fusion)
    found = recognizer.recognize([torch.from_numpy(feats[utt]) for utt in utts], [MODE], config)
    own = [recognizer.text(nbest[0]) for nbest in found[MODE]]
    references = {utt: dev_set.references[utt] for utt in utts}
    return dataclasses.replace(
        report,
        sherpa_wer=word_error_rate(pair_up(references, dict(zip(utts, texts)))).percent,
        own_wer=word_error_rate(pair_up(references, dict(zip(utts, own)))).percent,
    )
