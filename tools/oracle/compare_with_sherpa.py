r"""Compare the texts of sherpa-onnx for a model folder with those of its checkpoint.

    python tools/oracle/compare_with_sherpa.py --checkpoint exp/u2pp_moe \
        --folder exp/u2pp_moe/export --data-dir data/test

sherpa-onnx recognises each recording as a whole and as a stream, with the files in float32 and in
int8. Its Python interface runs one stream after another; streams of `zipformer2_ctc` also run in
batches, in Python and in the C interface of its library. The checkpoint decodes the same samples by
greedy search, in the same chunks; for `zipformer2_ctc`, it is given the features of quiet audio
that sherpa-onnx computes (see the limits in moeasr/export/README.md). Streams end with silence, so
that the last chunk is decoded.

Only the texts of whole recordings may differ from run to run, because sherpa-onnx adds dither to
them. With --exact, the exit status is 1 if a text of a stream in float32 differs.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sherpa_onnx
import torch
from sherpa_c_api import COnlineRecognizer

from moeasr import checkpoint
from moeasr.decode.config import DecodeConfig
from moeasr.decode.recognizer import Recognizer
from moeasr.deploy.model_folder import OFFLINE, STREAMING, TOKENS, ChunkSizes, ModelFolder
from moeasr.export.dev_set import DevSet, read_dev_set
from moeasr.export.written_folder import ZIPFORMER
from moeasr.export.zipformer_streaming_graph import heard_features
from moeasr.score.error_rate import pair_up, word_error_rate

MODE = "ctc_greedy_search"
MARGIN_SEC = 0.2
"""Seconds of silence after a stream beyond the length of a chunk."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print a row of a table for each way in which sherpa-onnx runs the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--checkpoint", required=True, help="the exported checkpoint or experiment directory")
    add("--folder", required=True, help="the model folder")
    add("--data-dir", required=True, help="data directory with audio and text")
    add("--sizes", nargs="+", default=["16/4", "8/4", "32/2"], help="chunk size/left chunks")
    add("--num-streams", type=int, default=8, help="number of streams in a batch")
    add(
        "--max-utts",
        type=int,
        default=10**9,
        help="number of utterances, the first ones of the set",
    )
    add("--exact", action="store_true", help="exit with 1 if a text of a float32 stream differs")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    recognizer = Recognizer.from_checkpoint(checkpoint.find_file(args.checkpoint))
    data = read_dev_set(args.data_dir, recognizer, args.max_utts)
    print("| sherpa-onnx | chunk | precision | WER, % | WER of the checkpoint, % | texts differ |")
    print("|---|---|---|---|---|---|")
    num_wrong = 0
    for name, sizes, kind, hypotheses, own in comparisons(recognizer, data, args):
        wers = [
            word_error_rate(pair_up(data.references, texts)).percent for texts in (hypotheses, own)
        ]
        differing = sum(hypotheses[utt] != text for utt, text in own.items())
        num_wrong += differing if sizes and kind == "float32" else 0
        numbers = f"{wers[0]:.2f} | {wers[1]:.2f} | {differing} of {len(own)}"
        print(f"| {name} | {sizes or 'whole'} | {kind} | {numbers} |", flush=True)
    if args.exact and num_wrong:
        raise SystemExit(1)


Texts = dict[str, str]


def comparisons(
    recognizer: Recognizer, data: DevSet, args: argparse.Namespace
) -> Iterator[tuple[str, str, str, Texts, Texts]]:
    """Yield the interface, sizes of chunks, precision, and texts of sherpa-onnx and checkpoint."""
    folder = ModelFolder.read(args.folder)
    rate, tokens = data.sample_rate_hz, folder.path / TOKENS
    waves = dict(data.waveforms())
    kinds = {"float32": False, "int8": True}
    own = own_texts(recognizer, waves, 0.0, None)
    for kind, is_int8 in kinds.items():
        model = str(folder.file(OFFLINE, is_int8))
        offline = sherpa_onnx.OfflineRecognizer.from_wenet_ctc(model, str(tokens), sample_rate=rate)
        texts = {utt: whole_text(offline, wave, rate) for utt, wave in waves.items()}
        yield "`wenet_ctc`", "", kind, texts, own
    exported = folder.config.streaming
    if exported is None:
        return
    for text in args.sizes:
        chunk_size, num_left_chunks = map(int, text.split("/"))
        sizes = ChunkSizes(chunk_size=chunk_size, num_left_chunks=num_left_chunks)
        tail_sec = sizes.chunk_size * recognizer.frame_sec + MARGIN_SEC
        own = own_texts(recognizer, waves, tail_sec, sizes)

        def texts_of(online: Any, num_streams: int, tail_sec: float = tail_sec) -> Texts:
            silence = np.zeros(round(tail_sec * rate), np.float32)
            return streamed_texts(online, waves, rate, silence, num_streams)

        for kind, is_int8 in kinds.items():
            wenet = sherpa_onnx.OnlineRecognizer.from_wenet_ctc(
                tokens=str(tokens),
                model=str(folder.file(STREAMING, is_int8)),
                chunk_size=chunk_size,
                num_left_chunks=num_left_chunks,
                num_threads=1,
                sample_rate=rate,
            )
            yield "online `wenet_ctc`", text, kind, texts_of(wenet, 1), own
            if sizes != exported:
                continue
            model, count = folder.file(ZIPFORMER, is_int8), args.num_streams
            python = sherpa_onnx.OnlineRecognizer.from_zipformer2_ctc(
                tokens=str(tokens), model=str(model), num_threads=1, sample_rate=rate
            )
            own_heard = own_texts(recognizer, waves, tail_sec, sizes, heard_features)
            name = "online `zipformer2_ctc`"
            yield name, text, kind, texts_of(python, 1), own_heard
            yield f"{name}, {count} streams", text, kind, texts_of(python, count), own_heard
            in_c = COnlineRecognizer(model, tokens, rate)
            yield f"{name} in C, {count} streams", text, kind, texts_of(in_c, count), own_heard


def own_texts(
    recognizer: Recognizer,
    waves: dict[str, np.ndarray],
    tail_sec: float,
    sizes: ChunkSizes | None,
    hear: Callable[[np.ndarray], np.ndarray] = lambda feats: feats,
) -> Texts:
    """Return the checkpoint's texts of recordings with silence after them.

    With sizes of chunks, the features end with the last chunk that sherpa-onnx decodes: the frame
    after it exists.

    Args:
        recognizer: The checkpoint's model.
        waves: Samples of recordings, by utterance.
        tail_sec: Seconds of silence after a recording.
        sizes: Sizes of chunks; None for whole recordings.
        hear: Function from features (T, F) to those that the network receives from sherpa-onnx.
    """
    config, feats = DecodeConfig(), []
    tail = np.zeros(round(tail_sec * recognizer.fbank.sample_rate_hz), np.float32)
    for wave in waves.values():
        found = recognizer.features(torch.from_numpy(np.concatenate((wave, tail))))
        if sizes is not None:
            hop = 4 * sizes.chunk_size
            found = found[: hop * ((len(found) - 4) // hop) + 3]
        feats.append(torch.from_numpy(hear(found.numpy())))
    if sizes is not None:
        config = DecodeConfig(chunk_size=sizes.chunk_size, num_left_chunks=sizes.num_left_chunks)
    nbests = recognizer.recognize(feats, [MODE], config)[MODE]
    return {utt: recognizer.text(nbest[0]) for utt, nbest in zip(waves, nbests)}


def whole_text(offline: Any, wave: np.ndarray, rate: int) -> str:
    """Return the text of a whole recording."""
    stream = offline.create_stream()
    stream.accept_waveform(rate, wave)
    offline.decode_stream(stream)
    return joined(stream.result.text)


def streamed_texts(
    online: Any, waves: dict[str, np.ndarray], rate: int, silence: np.ndarray, num_streams: int
) -> Texts:
    """Return the texts of recordings, of which `num_streams` are decoded in one batch."""
    utts, texts = list(waves), {}
    for start in range(0, len(utts), num_streams):
        streams = {}
        for utt in utts[start : start + num_streams]:
            streams[utt] = stream = online.create_stream()
            stream.accept_waveform(rate, np.concatenate((waves[utt], silence)))
            stream.input_finished()
        while ready := [stream for stream in streams.values() if online.is_ready(stream)]:
            online.decode_streams(ready)
        texts |= {utt: joined(online.get_result(stream)) for utt, stream in streams.items()}
    return texts


def joined(text: str) -> str:
    """Return a text with single spaces."""
    return " ".join(text.split())


if __name__ == "__main__":
    main()
