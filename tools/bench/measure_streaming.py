"""Measure the difference of streaming in float32 from the masked pass, in outputs and experts.

    python tools/bench/measure_streaming.py --checkpoint averaged.pt --data-dir data/test

In float64 both are equal (test_streaming.py). In float32 the order of summation differs, which may
select another expert where two experts have nearly equal scores.
"""

import argparse

import torch

from moeasr.audio.waveforms import read_waveforms
from moeasr.data.data_type import find_data_type
from moeasr.decode.recognizer import Recognizer
from moeasr.models.streaming_encoder import StreamingEncoder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--num-utts", type=int, help="number of utterances (default: all)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    recognizer = Recognizer.from_checkpoint(args.checkpoint)
    utterances = find_data_type("raw").open(args.data_dir)
    data = read_waveforms(utterances, recognizer.fbank.sample_rate_hz)
    feats = [recognizer.features(waveform) for _, waveform, _ in data][: args.num_utts]
    for dtype in (torch.float32, torch.float64):
        model = recognizer.model.to(dtype)
        for chunk_size, num_left_chunks in [(4, -1), (8, -1), (16, -1), (16, 4)]:
            worst, flipped, routed = 0.0, 0, 0
            for utt in feats:
                difference, utt_flipped, utt_routed = compare(
                    model, utt.to(dtype), chunk_size, num_left_chunks
                )
                worst = max(worst, difference)
                flipped += utt_flipped
                routed += utt_routed
            print(
                f"{str(dtype):13s} chunk {chunk_size:2d} left {num_left_chunks:2d}: "
                f"largest difference {worst:.1e}, {flipped} of {routed} routed frames meet others",
                flush=True,
            )


@torch.inference_mode()
def compare(model, feats, chunk_size, num_left_chunks):
    """Return largest difference, routed frames with other experts, and all routed frames."""
    feats, lens = feats[None], torch.tensor([feats.size(0)])
    whole = model.encode(feats, lens, chunk_size, num_left_chunks)
    streaming = StreamingEncoder(model, chunk_size, num_left_chunks)
    state, frames, routings = streaming.start(), [], []
    for first in range(0, feats.size(1), streaming.hop_frames):
        window = feats[:, first : first + streaming.window_frames]
        output, state = streaming.step(window, torch.tensor([window.size(1)]), state)
        frames.append(output.enc[:, : int(output.enc_lens)])
        routings.append(output.routings)
    streamed = torch.cat(frames, dim=1)
    flipped = routed = 0
    for layer, routing in enumerate(whole.routings):
        ids = torch.cat([chunk[layer].expert_ids for chunk in routings]).sort(dim=1).values
        flipped += int((ids != routing.expert_ids.sort(dim=1).values).any(dim=1).sum())
        routed += len(ids)
    return float((streamed - whole.enc).abs().max()), flipped, routed


if __name__ == "__main__":
    main()
