"""Measure the speed of exported models: PyTorch, onnxruntime and sherpa-onnx, in float32 and int8.

Models are built from configs with random weights and exported. PyTorch and onnxruntime encode the
same random features and compute CTC outputs, as a whole recording and as a stream. sherpa-onnx
recognises random noise of the same length, and computes features as well. All candidates of a
config take turns in all rounds, on one thread. Ratios are those of medians to the first row of the
same kind (`full` or `stream`) of the first config.

    python tools/bench/measure_export.py --config egs/an4/conf/dense.yaml egs/an4/conf/u2pp_moe.yaml
"""

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from moeasr.deploy.model_folder import ChunkSizes
from moeasr.experiment.config import load_experiment
from moeasr.export.int8 import quantize_file, unquantized_paths
from moeasr.export.offline_graph import OfflineGraph
from moeasr.export.onnx_file import strip_notes, write_onnx
from moeasr.export.onnx_outputs import offline, wenet_streaming, whole_chunks
from moeasr.export.sliced_experts import slice_experts
from moeasr.export.streaming_graph import StreamingGraph
from moeasr.export.wenet_streaming_graph import WenetStreamingGraph
from moeasr.models.asr import AsrModel
from moeasr.models.build import build_model, count_params
from moeasr.models.inference import optimize_for_inference
from moeasr.report.timing import full_pass, streaming_pass
from moeasr.text.dictionary import SPECIAL_UNITS, write_units

NUM_MEL_BINS = 80
RATE_HZ = 16000


def main() -> None:
    """Export and time each config."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--config", nargs="+", required=True, metavar="YAML", help="configs of experiments")
    add("--utterance-sec", type=float, default=10.0, help="duration of the utterance")
    add("--chunk-size", type=int, default=16)
    add("--num-left-chunks", type=int, default=4)
    add("--vocab-size", type=int, default=1000)
    add("--num-rounds", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    baseline: dict[str, float] = {}
    print(f"{'model':18} {'runtime':22} {'kind':7} {'MB':>7} {'ms per s':>9} {'ratio':>6}")
    for path in args.config:
        config = load_experiment(path).model
        model = build_model(config, NUM_MEL_BINS, args.vocab_size).eval()
        params = count_params(model)
        print(f"{Path(path).stem}: {params.total / 1e6:.1f} M, {params.active / 1e6:.1f} M active")
        with tempfile.TemporaryDirectory() as directory, torch.inference_mode():
            candidates, sizes = build_candidates(model, Path(directory), args)
            seconds: dict[str, list[float]] = {name: [] for name in candidates}
            for number in range(args.num_rounds + 1):
                for name, work in candidates.items():
                    start = time.perf_counter()
                    work()
                    if number:  # the first round prepares
                        seconds[name].append(time.perf_counter() - start)
        for name, times in seconds.items():
            runtime, kind = name.rsplit(" ", 1)
            per_sec = 1000 * statistics.median(times) / args.utterance_sec
            ratio = per_sec / baseline.setdefault(kind, per_sec)
            size = f"{sizes[name]:7.1f}" if name in sizes else " " * 7
            stem = Path(path).stem
            print(f"{stem:18} {runtime:22} {kind:7} {size} {per_sec:9.2f} {ratio:6.2f}", flush=True)


def build_candidates(
    model: AsrModel, out: Path, args: argparse.Namespace
) -> tuple[dict[str, Callable[[], object]], dict[str, float]]:
    """Return the work of each candidate, and the sizes of files in MB."""
    chunk, left = args.chunk_size, args.num_left_chunks
    feats = torch.randn(1, round(100 * args.utterance_sec), NUM_MEL_BINS) * 3 + 6
    padded = whole_chunks(feats[0].numpy(), chunk, 0.0)
    sliced = slice_experts(copy.deepcopy(model))
    files = {
        "full": OfflineGraph(sliced),
        "stream": WenetStreamingGraph(StreamingGraph(sliced), model.config.encoder.num_heads),
    }
    candidates: dict[str, Callable[[], object]] = {}
    sizes: dict[str, float] = {}
    units = [*SPECIAL_UNITS, *(f"u{number}" for number in range(args.vocab_size - 3))]
    write_units(out / "tokens.txt", units)
    samples = np.random.default_rng(0).normal(0, 0.1, round(RATE_HZ * args.utterance_sec))
    for precision in ("fp32", "int8"):
        packed = optimize_for_inference(copy.deepcopy(model), precision)
        candidates[f"PyTorch {precision} full"] = full_pass(packed, feats)
        candidates[f"PyTorch {precision} stream"] = streaming_pass(packed, feats, chunk, left)
    for kind, graph in files.items():
        path = out / f"{kind}.onnx"
        about = {"vocab_size": model.vocab_size, "subsampling_factor": 4}
        write_onnx(graph.eval(), path, graph.metadata() if kind == "stream" else about)
        quantize_file(path, out / f"{kind}.int8.onnx", unquantized_paths(graph))
        for precision, file in (("fp32", path), ("int8", out / f"{kind}.int8.onnx")):
            strip_notes(file)
            name = f"onnxruntime {precision} {kind}"
            sizes[name] = file.stat().st_size / 1e6
            candidates[name] = onnx_pass(file, padded, kind, args)
            candidates[f"sherpa-onnx {precision} {kind}"] = sherpa_pass(
                file, samples.astype(np.float32), kind, chunk, left
            )
    return candidates, sizes


def onnx_pass(
    file: Path, feats: np.ndarray, kind: str, args: argparse.Namespace
) -> Callable[[], object]:
    """Return a pass of onnxruntime over features (T, F) of whole chunks."""
    if kind == "full":
        run = offline(file, args.vocab_size)
    else:
        sizes = ChunkSizes(chunk_size=args.chunk_size, num_left_chunks=args.num_left_chunks)
        run = wenet_streaming(file, args.vocab_size, sizes)
    return lambda: run(feats)


def sherpa_pass(
    file: Path, samples: np.ndarray, kind: str, chunk: int, left: int
) -> Callable[[], object]:
    """Return a pass of sherpa-onnx over samples (S,)."""
    import sherpa_onnx

    tokens = str(file.parent / "tokens.txt")
    if kind == "full":
        offline = sherpa_onnx.OfflineRecognizer.from_wenet_ctc(str(file), tokens, num_threads=1)

        def recognize() -> None:
            stream = offline.create_stream()
            stream.accept_waveform(RATE_HZ, samples)
            offline.decode_stream(stream)

        return recognize
    online = sherpa_onnx.OnlineRecognizer.from_wenet_ctc(
        tokens=tokens, model=str(file), chunk_size=chunk, num_left_chunks=left, num_threads=1
    )

    def listen() -> None:
        stream = online.create_stream()
        stream.accept_waveform(RATE_HZ, samples)
        stream.input_finished()
        while online.is_ready(stream):
            online.decode_stream(stream)

    return listen


if __name__ == "__main__":
    main()
