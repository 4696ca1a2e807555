r"""Measure whether a stream of half an hour has constant cost and the same text as offline.

    python tools/bench/measure_long_stream.py --checkpoint exp/u2pp_moe/averaged.pt \
        --data-dir data/test --minutes 30

The stream consists of the utterances of a data directory without breaks and end points. The script
prints for every minute the CPU time of a chunk (median, ms), the memory of the process, and the
tensors that the stream keeps. The text is compared with offline chunked decoding. A pass over half
an hour would need a mask of 45000 x 45000, so the offline encoder runs over windows. They overlap
by more than the left context of all blocks together, so the result is the same.
"""

import argparse
import itertools
import statistics
import time

import torch

from moeasr.audio.waveforms import read_waveforms
from moeasr.data.data_type import find_data_type
from moeasr.decode.config import DecodeConfig
from moeasr.decode.ctc.prefix_beam import ctc_prefix_beam_search
from moeasr.decode.live.streaming_recognizer import StreamingRecognizer
from moeasr.decode.recognizer import Recognizer

WINDOW_CHUNKS = 200
MINUTE = 60


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--chunk-size", type=int, default=16)
    parser.add_argument("--num-left-chunks", type=int, default=4)
    parser.add_argument(
        "--float64",
        action="store_true",
        help="compute in float64, where rounding does not change the choice of experts",
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    one = Recognizer.from_checkpoint(args.checkpoint)
    model = one.model.double() if args.float64 else one.model
    recognizer = Recognizer(model, one.tokenizer, one.fbank, one.info, one.device)
    sound = long_sound(args.data_dir, recognizer.fbank.sample_rate_hz, args.minutes)
    config = DecodeConfig(
        beam_size=10, chunk_size=args.chunk_size, num_left_chunks=args.num_left_chunks
    )
    streaming = StreamingRecognizer(recognizer, "ctc_prefix_beam_search", config)
    tokens = run_stream(streaming, sound)
    log_probs = offline_log_probs(recognizer, config, sound)
    lens = torch.tensor([log_probs.size(1)])
    offline = ctc_prefix_beam_search(log_probs, lens, config.beam_size, None)[0][0].tokens
    verdict = "identical" if tokens == offline else "DIFFERENT"
    print(f"{len(tokens)} units streamed, {len(offline)} offline: {verdict}")


def long_sound(data_dir, rate_hz, minutes):
    """Repeat the utterances until the stream is long enough."""
    utterances = find_data_type("raw").open(data_dir)
    waveforms = [waveform for _, waveform, _ in read_waveforms(utterances, rate_hz)]
    num_samples, parts, total = int(minutes * MINUTE * rate_hz), [], 0
    for waveform in itertools.cycle(waveforms):
        parts.append(waveform)
        total += waveform.numel()
        if total >= num_samples:
            return torch.cat(parts)[:num_samples]


def run_stream(streaming, sound):
    """Process the stream chunk by chunk, and report every minute."""
    rate_hz = streaming.recognizer.fbank.sample_rate_hz
    hop = round(streaming.config.chunk_size * streaming.frame_sec * rate_hz)
    stream, took_ms, next_report = streaming.open(), [], MINUTE
    for first in range(0, sound.numel(), hop):
        start = time.process_time()
        stream.accept(sound[first : first + hop])
        took_ms.append(1000 * (time.process_time() - start))
        heard_sec = (first + hop) / rate_hz
        if heard_sec >= next_report:
            minute, median_ms = next_report // MINUTE, statistics.median(took_ms)
            print(
                f"minute {minute:3d}: {median_ms:6.2f} ms of CPU a chunk, "
                f"{resident_mib():7.1f} MiB resident, {held_kib(stream):7.1f} KiB held",
                flush=True,
            )
            took_ms, next_report = [], next_report + MINUTE
    return stream.finish()[-1].nbest[0].tokens


def held_kib(stream):
    """Return the tensors that a stream keeps between chunks."""
    tensors = [stream._feats, stream._fbank._samples]
    for past in stream._state.encoder.blocks:
        tensors += [*past.attention, past.convolution]
    tensors += stream._utterance.enc + stream._utterance.log_probs
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1024


def resident_mib():
    with open("/proc/self/statm") as handle:
        return int(handle.read().split()[1]) * 4096 / 2**20


@torch.inference_mode()
def offline_log_probs(recognizer, config, sound):
    """Return the log-probabilities (1, T', V) of the masked pass over the whole stream."""
    feats = recognizer.features(sound).to(recognizer.dtype)
    hop, last = 4 * config.chunk_size, feats.size(0)
    num_blocks = len(recognizer.model.encoder.blocks)
    # a block looks back over its left chunks, and its convolution less than one chunk more
    overlap = num_blocks * (config.num_left_chunks + 2)
    parts = []
    for first_new in range(0, last // hop + 1, WINDOW_CHUNKS):
        first = max(first_new - overlap, 0)
        window = feats[first * hop : (first_new + WINDOW_CHUNKS) * hop + 3][None]
        if window.size(1) < 7:
            break
        output = recognizer.model.encode(
            window, torch.tensor([window.size(1)]), config.chunk_size, config.num_left_chunks
        )
        new = output.enc[:, (first_new - first) * config.chunk_size :]
        parts.append(recognizer.model.ctc_log_probs(new))
    return torch.cat(parts, dim=1)


if __name__ == "__main__":
    main()
