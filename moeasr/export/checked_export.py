"""The export of a checkpoint to a model folder, kept only if it gives the checkpoint's results."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from moeasr.atomic import temporary_directory
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.recognizer import Recognizer
from moeasr.deploy.model_folder import (
    DECODER,
    OFFLINE,
    STREAMING,
    ZIPFORMER,
    ChunkSizes,
    network_mb,
    symbols_of,
)
from moeasr.deploy.native_fbank import FLOOR, NativeFbank
from moeasr.deploy.networks import DecoderNetwork
from moeasr.errors import InputError
from moeasr.export.checked_graph import GraphReport, write_checked_graph
from moeasr.export.decoder_difference import compare_decoders
from moeasr.export.dev_set import DevSet
from moeasr.export.difference import Difference, compare
from moeasr.export.model_card import model_card
from moeasr.export.onnx_outputs import (
    offline,
    wenet_streaming,
    whole_chunks,
    zipformer_streaming,
)
from moeasr.export.sherpa_limits import sherpa_limits
from moeasr.export.written_folder import (
    check_exportable,
    check_target,
    publish,
    write_graphs,
    write_texts,
)
from moeasr.export.zipformer_streaming_graph import heard_features
from moeasr.logs import get_logger
from moeasr.score.error_rate import pair_up, word_error_rate

MAX_FLOOR_LOSS = 5.0
"""Percentage points of WER that the features of sherpa-onnx may cost without a warning."""

logger = get_logger(__name__)


@dataclass(frozen=True)
class FileReport:
    """The measurements of one exported file on the dev set."""

    name: str
    size_mb: float
    wer: float
    """Word error rate of greedy search, percent."""
    num_words: int
    """Number of words of the dev set."""
    real_time_factor: float
    """Seconds of computation per second of audio, on one thread, without features."""
    difference: Difference

    def line(self) -> str:
        """Return the measurements in one line."""
        found = self.difference
        return (
            f"{self.name}: {self.size_mb:.1f} MB, {self.wer:.2f} % WER, real-time factor "
            f"{self.real_time_factor:.4f}, largest difference of log-probabilities "
            f"{found.largest:.2g} ({found.num_differing} of {found.num_frames} frames above 0.01), "
            f"{len(found.differing_texts)} of {len(found.texts)} texts differ"
        )


def export_model(
    recognizer: Recognizer,
    out: Path,
    sizes: ChunkSizes | None,
    dev_set: DevSet,
    max_int8_loss: float,
    licence: str,
    fusion: FusionConfig | None = None,
) -> tuple[list[FileReport], GraphReport | None]:
    """Write a model folder, compare its files with the checkpoint, and keep it only if all agree.

    Args:
        recognizer: The checkpoint's model in PyTorch, not optimized.
        out: The model folder to write or replace.
        sizes: Sizes of chunks; None leaves out the streaming files.
        dev_set: Utterances on which the files are compared with the checkpoint.
        max_int8_loss: Number of percentage points by which the WER of a file in int8 may exceed
            that of the file in float32, see `check_int8`.
        licence: Licence of the model, for its card.
        fusion: Language model and phrases for a decoding graph; None writes no graph.

    Returns:
        The measurements of the files, and those of the decoding graph if there is one.

    Raises:
        InputError: The model cannot be exported, or a file differs from the checkpoint.
    """
    check_exportable(recognizer.model)
    encoder = recognizer.model.encoder
    if sizes is not None and encoder.sees_future:
        raise InputError(
            f"this model has no streaming export: {encoder.future_reason}; export whole recordings "
            "alone with --offline-only"
        )
    check_target(out)
    out = out.resolve()  # a folder behind a link stays where it is
    NativeFbank(recognizer.fbank)  # raises if a model folder could not compute its features
    tokenizer = recognizer.tokenizer
    limits = sherpa_limits(recognizer.fbank, symbols_of(tokenizer.config.type, tokenizer.units))
    if limits:
        logger.warning(
            "sherpa-onnx cannot run this model, but `moeasr transcribe --model` can: %s",
            "; ".join(limits),
        )
    with temporary_directory(out.parent, f"{out.name}.export") as parent:
        folder = parent / "folder"
        folder.mkdir()
        names = write_graphs(recognizer, folder, sizes)
        write_texts(recognizer, folder, sizes, dev_set)
        reports: list[FileReport] = []
        for name in names:
            logger.info("comparing %s with the checkpoint", name)
            if name == DECODER:
                network = DecoderNetwork(folder / name, num_threads=1)
                compare_decoders(recognizer, dev_set.feats, dev_set.references, network).check(name)
                continue
            exact = _measure(recognizer, folder / name, sizes, dev_set)
            exact.difference.check(name)
            reports.append(exact)
            int8 = _measure(
                recognizer, folder / name.replace(".onnx", ".int8.onnx"), sizes, dev_set
            )
            check_int8(int8, exact, max_int8_loss)
            reports.append(int8)
        warn_of_floor(reports)
        graph = None
        if fusion is not None:
            logger.info("writing the decoding graph")
            graph = write_checked_graph(folder, recognizer, fusion, dev_set)
        data_files = sorted(path.name for path in folder.glob("*.data"))
        card = model_card(recognizer, sizes, dev_set, reports, licence, data_files, limits)
        (folder / "README.md").write_text(card, encoding="utf-8")
        publish(folder, out)
    return reports, graph


def check_int8(int8: FileReport, exact: FileReport, max_loss: float) -> None:
    """Raise `InputError` if a file in int8 has too many errors; one more is never too many.

    Args:
        int8: The measurements of the file.
        exact: The measurements of the file in float32.
        max_loss: Number of percentage points by which the WER may be higher.
    """
    per_word = 100 / max(int8.num_words, 1)
    num_more = round((int8.wer - exact.wer) / per_word)
    if num_more > 1 and int8.wer > exact.wer + max_loss:
        raise InputError(
            f"no model folder is written: the WER of {int8.name} is {int8.wer:.2f} %, but "
            f"{exact.wer:.2f} % in float32 ({num_more} more errors in {int8.num_words} words); to "
            f"accept this, raise --max-int8-loss (now {max_loss:g} percentage points), or use "
            "a larger --data-dir"
        )


def warn_of_floor(reports: Sequence[FileReport]) -> None:
    """Warn if a model makes more errors with the features of sherpa-onnx, which have a floor."""
    by_name = {report.name: report for report in reports}
    if not {STREAMING, ZIPFORMER} <= by_name.keys():
        return
    every, loud = by_name[STREAMING], by_name[ZIPFORMER]
    if loud.wer > every.wer + MAX_FLOOR_LOSS:
        logger.warning(
            "%s has %.2f %% WER where %s has %.2f %%, because sherpa-onnx raises log-mel values "
            "below 4.85 to 4.85. Audio that is quiet, or whose sample rate is below the "
            "`sample_rate_hz` of conf/fbank.yaml, has many of them: use %s, or train with features "
            "of the sample rate of the audio (for 8 kHz `high_freq_hz: 3800`, too)",
            *(loud.name, loud.wer, every.name, every.wer, every.name),
        )


def _measure(
    recognizer: Recognizer, path: Path, sizes: ChunkSizes | None, dev_set: DevSet
) -> FileReport:
    """Compare one file with the checkpoint, and measure its WER and its speed."""
    vocab_size = recognizer.model.vocab_size
    kind = path.name.replace(".int8", "")
    if sizes is None or kind == OFFLINE:
        difference = compare(recognizer, dev_set.feats, offline(path, vocab_size))
    else:
        feats = [(utt, whole_chunks(x, sizes.chunk_size, FLOOR)) for utt, x in dev_set.feats]
        if kind == ZIPFORMER:
            feats = [(utt, heard_features(x)) for utt, x in feats]
            run = zipformer_streaming(path)
        else:
            run = wenet_streaming(path, vocab_size, sizes)
        difference = compare(recognizer, feats, run, sizes.chunk_size, sizes.num_left_chunks)
    hypotheses = dict(zip(dev_set.references, difference.texts))
    rate = word_error_rate(pair_up(dev_set.references, hypotheses))
    return FileReport(
        name=path.name,
        size_mb=network_mb(path),
        wer=rate.percent,
        num_words=rate.total.num_ref,
        real_time_factor=difference.wall_sec / max(dev_set.audio_sec, 1e-9),
        difference=difference,
    )
