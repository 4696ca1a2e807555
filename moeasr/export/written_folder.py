"""The files of a model folder, in which other programs can run a checkpoint."""

import shutil
from pathlib import Path
from typing import Any

import soundfile
from torch import nn

from moeasr.atomic import temporary_directory
from moeasr.config import load_yaml, to_mapping
from moeasr.decode.config import DEFAULT_REVERSE_WEIGHT
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.required_heads import require_heads
from moeasr.deploy.model_folder import (
    BPE_MODEL,
    CONFIG,
    DECODER,
    FORMAT,
    OFFLINE,
    STREAMING,
    TOKENS,
    ZIPFORMER,
    ChunkSizes,
    FolderConfig,
    symbols_of,
)
from moeasr.errors import InputError
from moeasr.export.decoder_graph import DecoderGraph
from moeasr.export.dev_set import DevSet
from moeasr.export.int8 import quantize_file, unquantized_paths
from moeasr.export.offline_graph import OfflineGraph
from moeasr.export.onnx_file import strip_notes, write_onnx
from moeasr.export.sliced_experts import slice_experts
from moeasr.export.streaming_graph import StreamingGraph
from moeasr.export.wenet_streaming_graph import WenetStreamingGraph
from moeasr.export.zipformer_streaming_graph import ZipformerStreamingGraph
from moeasr.logs import get_logger
from moeasr.models.asr import AsrModel
from moeasr.models.heads.attention_head import AttentionHead
from moeasr.text.dictionary import write_units
from moeasr.yaml_text import dump_yaml

logger = get_logger(__name__)


def check_exportable(model: AsrModel) -> None:
    """Raise `InputError` with the reason if a model cannot be exported."""
    if model.languages:
        raise InputError(
            "this model cannot be exported: its router needs the language of each utterance "
            f"({', '.join(model.languages)}), but sherpa-onnx and onnxruntime pass only audio to a "
            "model; use the checkpoint with `moeasr transcribe --language`"
        )
    require_heads(["ctc"], model, "a model folder needs")


def write_graphs(recognizer: Recognizer, out: Path, sizes: ChunkSizes | None) -> list[str]:
    """Write the ONNX files of a model, each in float32 and in int8.

    Args:
        recognizer: The checkpoint's model.
        out: An existing directory.
        sizes: Sizes of chunks; None leaves out the streaming files.

    Returns:
        The names of the files in float32.
    """
    model = slice_experts(recognizer.model).eval()
    graphs: dict[str, tuple[nn.Module, dict[str, Any]]] = {
        OFFLINE: (OfflineGraph(model), _offline_metadata(model))
    }
    if sizes is not None:
        chunk = StreamingGraph(model)
        wenet = WenetStreamingGraph(chunk, _num_heads(recognizer))
        zipformer = ZipformerStreamingGraph(chunk, sizes.chunk_size, sizes.num_left_chunks)
        defaults = {"chunk_size": sizes.chunk_size, "left_chunks": sizes.num_left_chunks}
        graphs[STREAMING] = wenet, {**wenet.metadata(), **defaults}
        graphs[ZIPFORMER] = zipformer, zipformer.metadata()
    attention = recognizer.model.heads.get("attention")
    if isinstance(attention, AttentionHead):
        head = model.all_heads["attention"]
        graphs[DECODER] = DecoderGraph(head, model.encoder.d_model), {}
    for name, (graph, metadata) in graphs.items():
        logger.info("writing %s", name)
        about = {"comment": "moeasr", "commit": recognizer.info.get("commit", "unknown")}
        write_onnx(graph.eval(), out / name, {**metadata, **about})
        if name != DECODER:
            int8 = out / name.replace(".onnx", ".int8.onnx")
            quantize_file(out / name, int8, unquantized_paths(graph))
            strip_notes(int8)
        strip_notes(out / name)
    return list(graphs)


def write_texts(
    recognizer: Recognizer, out: Path, sizes: ChunkSizes | None, dev_set: DevSet
) -> None:
    """Write the units, the settings and the example of a model folder."""
    state = recognizer.tokenizer.state()
    bpe_model = state.pop("bpe_model")
    if bpe_model is not None:
        (out / BPE_MODEL).write_bytes(bpe_model)
    write_units(out / TOKENS, symbols_of(state["type"], state["units"]))
    attention = recognizer.model.heads.get("attention")
    can_reverse = isinstance(attention, AttentionHead) and attention.can_rescore_in_reverse
    settings = FolderConfig(
        fbank=recognizer.fbank,
        streaming=sizes,
        subsampling_rate=recognizer.model.subsampling_rate,
        min_frames=recognizer.model.encoder.min_frames,
        reverse_weight=DEFAULT_REVERSE_WEIGHT if can_reverse else 0.0,
        has_decoder=isinstance(attention, AttentionHead),
        data_bytes={path.name: path.stat().st_size for path in sorted(out.glob("*.data"))},
    )
    config = {
        "format": FORMAT,
        **to_mapping(settings),
        "tokenizer": state,
        "info": {
            key: recognizer.info[key]
            for key in ("config_name", "commit", "seed", "averaged_epochs")
            if key in recognizer.info
        },
    }
    (out / CONFIG).write_text(dump_yaml(config), encoding="utf-8")
    example = dev_set.example()
    if example is not None:
        text, samples = example
        soundfile.write(out / "test.wav", samples, recognizer.fbank.sample_rate_hz)
        (out / "test.txt").write_text(f"{text}\n", encoding="utf-8")


def check_target(target: Path) -> None:
    """Raise `InputError` if the target has content and is not a model folder to be replaced."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    config = target / CONFIG
    if not config.is_file() or load_yaml(config).get("format") != FORMAT:
        raise InputError(
            f"{target} exists and is not a model folder that `moeasr export` wrote; choose another "
            "--out"
        )


def publish(finished: Path, target: Path) -> None:
    """Move a finished folder to its place, and delete an older folder there."""
    with temporary_directory(target.parent, f"{target.name}.old") as old:
        if target.exists():
            target.rename(old / "folder")
        finished.rename(target)
        shutil.rmtree(old / "folder", ignore_errors=True)


def _num_heads(recognizer: Recognizer) -> int:
    """Return the number of attention heads, by which sherpa-onnx divides the width of its cache."""
    return getattr(recognizer.model.config.encoder, "num_heads", 1)


def _offline_metadata(model: AsrModel) -> dict[str, int | str]:
    """Return the metadata that sherpa-onnx reads from the offline file."""
    return {
        "model_type": "wenet_ctc",
        "vocab_size": model.vocab_size,
        "subsampling_factor": model.subsampling_rate,
    }
