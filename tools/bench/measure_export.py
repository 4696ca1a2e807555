r"""Measure the speed of exported models: PyTorch, onnxruntime and sherpa-onnx, in float32 and int8.

Models are built from configs with random weights and exported. PyTorch and onnxruntime encode the
same random features and compute CTC outputs, as a whole recording and as a stream. sherpa-onnx
recognises random noise of the same length, and computes features as well. All run on one thread.

    python tools/bench/measure_export.py --config egs/an4/conf/dense.yaml egs/an4/conf/u2pp_moe.yaml

Ratios are to the first config in the same runtime, precision and kind (`full` or `stream`). For
models of equal active cost, the first config is the dense one.

Each measurement runs in a process of its own, with a single network in memory, so that models of a
billion parameters fit. With --num-passes, all measurements of all configs are repeated in turn, and
the medians over the passes are printed; this lessens the influence of other programs. --work keeps
the exported files, which take longer than the measurements:

    python tools/bench/measure_export.py --config dense.yaml moe.yaml --num-passes 3 --work DIR
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from moeasr.atomic import temporary_directory
from moeasr.deploy.model_folder import TOKENS, ChunkSizes, network_mb
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
from moeasr.report.timing import full_pass, streaming_pass, time_candidates
from moeasr.text.dictionary import SPECIAL_UNITS, write_units

NUM_MEL_BINS = 80
RATE_HZ = 16000
KINDS = ("full", "stream")
PRECISIONS = ("fp32", "int8")
RUNTIMES = ("PyTorch", "onnxruntime", "sherpa-onnx")
EXPORT = "export"

Work = Callable[[], object]


def main(argv: Sequence[str] | None = None) -> None:
    """Export and time each config."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--config", nargs="+", required=True, metavar="YAML", help="configs of experiments")
    add("--runtime", nargs="+", choices=RUNTIMES, default=RUNTIMES, help="runtimes to measure")
    add("--precision", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    add("--utterance-sec", type=float, default=10.0, help="duration of the utterance")
    add("--chunk-size", type=int, default=16)
    add("--num-left-chunks", type=int, default=4)
    add("--vocab-size", type=int, default=1000)
    add("--num-rounds", type=int, default=7, help="number of rounds of a measurement")
    add("--num-passes", type=int, default=1, help="number of times all measurements are made")
    add("--work", metavar="DIR", help="folder that keeps exported files, and whose files are used")
    add("--part", help=argparse.SUPPRESS)  # what a process of its own does: export, or a runtime
    args = parser.parse_args(argv)
    if args.part:
        print(json.dumps(run_part(args)))
        return
    with contextlib.ExitStack() as stack:
        args.work = args.work or stack.enter_context(tempfile.TemporaryDirectory())
        measure(args)


def measure(args: argparse.Namespace) -> None:
    """Make all measurements in processes of their own, and print a table of them."""
    seconds: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for path in args.config:
        params = call_part(args, path, EXPORT)
        if params is None:
            raise SystemExit(1)
        total, active = (params[name] / 1e6 for name in ("total", "active"))
        print(f"{Path(path).stem}: {total:.1f} M, {active:.1f} M active", flush=True)
    for _ in range(args.num_passes):
        for runtime in args.runtime:
            for precision in args.precision:
                for path in args.config:
                    found = call_part(args, path, f"{runtime} {precision}") or {}
                    for kind, took_sec in found.items():
                        seconds[path, runtime, precision, kind].append(took_sec)
    print(f"{'model':18} {'runtime':22} {'kind':7} {'MB':>7} {'ms per s':>9} {'ratio':>6}")
    by_config = sorted(seconds.items(), key=lambda item: args.config.index(item[0][0]))
    for (path, runtime, precision, kind), times in by_config:
        stem = Path(path).stem
        per_sec = 1000 * statistics.median(times) / args.utterance_sec
        first = seconds.get((args.config[0], runtime, precision, kind))
        ratio = f"{statistics.median(times) / statistics.median(first):6.2f}" if first else ""
        file = network_file(args, path, precision, kind)
        size = " " * 7 if runtime == "PyTorch" else f"{network_mb(file):7.1f}"
        print(f"{stem:18} {f'{runtime} {precision}':22} {kind:7} {size} {per_sec:9.2f} {ratio}")


def call_part(args: argparse.Namespace, config: str, part: str) -> dict[str, Any] | None:
    """Run a part of the work in a process of its own; return its result, or None if it failed."""
    command = [sys.executable, __file__, "--config", config, "--part", part, "--work", args.work]
    for name in ("utterance_sec", "chunk_size", "num_left_chunks", "vocab_size", "num_rounds"):
        command += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    command += ["--runtime", *args.runtime]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        reason = " (killed, probably for memory)" if ended.returncode == -9 else ""
        print(f"{config}: {part} failed with status {ended.returncode}{reason}", file=sys.stderr)
        return None
    return json.loads(ended.stdout.splitlines()[-1])


def run_part(args: argparse.Namespace) -> dict[str, float]:
    """Export the config, or measure it in a runtime; return parameters or seconds by kind."""
    torch.set_num_threads(1)
    (path,) = args.config
    if args.part == EXPORT:
        model = random_model(path, args.vocab_size)
        if set(args.runtime) != {"PyTorch"}:
            export(model, Path(args.work, Path(path).stem), args.vocab_size)
        return count_params(model)._asdict()
    runtime, precision = args.part.split()
    feats = torch.randn(1, round(100 * args.utterance_sec), NUM_MEL_BINS) * 3 + 6
    sizes = ChunkSizes(chunk_size=args.chunk_size, num_left_chunks=args.num_left_chunks)
    if runtime == "PyTorch":
        model = optimize_for_inference(random_model(path, args.vocab_size), precision)
        stream = streaming_pass(model, feats, sizes.chunk_size, sizes.num_left_chunks)
        works = {"full": full_pass(model, feats), "stream": stream}
        timings = time_candidates(works, args.num_rounds)
        return {kind: timings.median_sec(kind) for kind in works}
    found = {}
    for kind in KINDS:  # one network in memory
        file = network_file(args, path, precision, kind)
        if runtime == "onnxruntime":
            work = onnx_pass(file, feats[0].numpy(), kind, args.vocab_size, sizes)
        else:
            work = sherpa_pass(file, args.utterance_sec, kind, sizes)
        found[kind] = time_candidates({kind: work}, args.num_rounds).median_sec(kind)
        del work
    return found


def random_model(path: str, vocab_size: int) -> AsrModel:
    """Return the model of a config with the same random weights in each call."""
    torch.manual_seed(0)
    return build_model(load_experiment(path).model, NUM_MEL_BINS, vocab_size).eval()


def network_file(args: argparse.Namespace, config: str, precision: str, kind: str) -> Path:
    """Return the path of an exported network."""
    suffix = ".int8.onnx" if precision == "int8" else ".onnx"
    return Path(args.work, Path(config).stem, f"{kind}{suffix}")


def export(model: AsrModel, out: Path, vocab_size: int) -> None:
    """Write the networks of a model in both precisions, unless the folder exists."""
    if out.is_dir():
        return
    sliced = slice_experts(model)
    heads = model.config.encoder.num_heads
    graphs = {
        "full": OfflineGraph(sliced),
        "stream": WenetStreamingGraph(StreamingGraph(sliced), heads),
    }
    with temporary_directory(out.parent, out.name) as parent:
        folder = parent / "networks"
        folder.mkdir()
        units = [*SPECIAL_UNITS, *(f"u{number}" for number in range(vocab_size - 3))]
        write_units(folder / TOKENS, units)
        for kind, graph in graphs.items():
            path, int8 = folder / f"{kind}.onnx", folder / f"{kind}.int8.onnx"
            about = {"vocab_size": vocab_size, "subsampling_factor": 4}
            write_onnx(graph.eval(), path, graph.metadata() if kind == "stream" else about)
            quantize_file(path, int8, unquantized_paths(graph))
            strip_notes(path)
            strip_notes(int8)
        folder.rename(out)


def onnx_pass(file: Path, feats: np.ndarray, kind: str, vocab_size: int, sizes: ChunkSizes) -> Work:
    """Return a pass of onnxruntime over features (T, F)."""
    padded = whole_chunks(feats, sizes.chunk_size, 0.0)
    if kind == "full":
        run = offline(file, vocab_size)
    else:
        run = wenet_streaming(file, vocab_size, sizes)
    return lambda: run(padded)


def sherpa_pass(file: Path, utterance_sec: float, kind: str, sizes: ChunkSizes) -> Work:
    """Return a pass of sherpa-onnx over noise, which ends with silence in a stream."""
    import sherpa_onnx

    count = round(RATE_HZ * utterance_sec)
    samples = np.random.default_rng(0).normal(0, 0.1, count).astype(np.float32)
    tokens = str(file.parent / TOKENS)
    if kind == "full":
        offline = sherpa_onnx.OfflineRecognizer.from_wenet_ctc(str(file), tokens, num_threads=1)

        def recognize() -> None:
            stream = offline.create_stream()
            stream.accept_waveform(RATE_HZ, samples)
            offline.decode_stream(stream)

        return recognize
    online = sherpa_onnx.OnlineRecognizer.from_wenet_ctc(
        tokens=tokens,
        model=str(file),
        chunk_size=sizes.chunk_size,
        num_left_chunks=sizes.num_left_chunks,
        num_threads=1,
    )
    silence = np.zeros(round(RATE_HZ * (0.04 * sizes.chunk_size + 0.1)), np.float32)

    def listen() -> None:
        stream = online.create_stream()
        stream.accept_waveform(RATE_HZ, np.concatenate((samples, silence)))
        stream.input_finished()
        while online.is_ready(stream):
            online.decode_stream(stream)

    return listen


if __name__ == "__main__":
    main()
