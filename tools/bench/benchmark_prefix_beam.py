"""Compare the speed of CTC prefix beam search with the textbook algorithm, which gives the same.

Times are the least CPU seconds of several runs on one thread, so that other programs do not count.

    export PYTHONPATH=test/helpers   # for the textbook's algorithm
    python tools/bench/benchmark_prefix_beam.py --checkpoint X/averaged.pt --data-dir data/test
    python tools/bench/benchmark_prefix_beam.py     # made-up log-probabilities, peaky as a model's
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from textbook import random_log_probs, textbook_prefix_beam_search
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from moeasr.datadir.table import Table
from moeasr.decode.ctc.prefix_beam import PrefixBeam, ctc_prefix_beam_search
from moeasr.decode.recognizer import Recognizer
from moeasr.features.archive import FeatureReader

Result = TypeVar("Result")


def main() -> None:
    """Print the seconds of both searches, their ratio, and whether the results agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint")
    parser.add_argument("--data-dir")
    parser.add_argument("--beam-size", type=int, default=10)
    args = parser.parse_args()
    if args.checkpoint:
        utts = encode(args.checkpoint, args.data_dir)
    else:
        lens = torch.randint(20, 160, (130,), generator=torch.Generator().manual_seed(1))
        utts = [random_log_probs(1, n, 30, seed=n, peaky=4.0)[0] for n in lens.tolist()]
    num_frames = sum(len(utt) for utt in utts)
    print(f"{len(utts)} utterances, {num_frames} frames, {utts[0].size(1)} units")

    lens = torch.tensor([len(utt) for utt in utts])
    padded = pad_sequence(utts, batch_first=True)

    def one_by_one(num_frames: int) -> None:
        for utt in utts:
            beam = PrefixBeam(1, args.beam_size, None)
            for chunk in utt[None].split(num_frames, dim=1):
                beam.advance(chunk, torch.tensor([chunk.size(1)]))
                beam.hypotheses()

    torch.set_num_threads(1)
    textbook_sec, expected = least_sec(
        lambda: [textbook_prefix_beam_search(utt, args.beam_size) for utt in utts]
    )
    batched_sec, found = least_sec(
        lambda: ctc_prefix_beam_search(padded, lens, args.beam_size, None)
    )
    single_sec, _ = least_sec(lambda: one_by_one(len(padded[0])))
    chunked_sec, _ = least_sec(lambda: one_by_one(16))

    same = [
        [h.tokens for h in ours] == [prefix for prefix, _ in theirs]
        for ours, theirs in zip(found, expected)
    ]
    worst = max(
        abs(h.score - score)
        for ours, theirs in zip(found, expected)
        for h, (_, score) in zip(ours, theirs)
    )
    print(f"equal n-best lists: {sum(same)} of {len(same)}, scores differ by {worst:.1e} at most")
    print(f"textbook          {textbook_sec:8.3f} s")
    for name, sec in [
        ("batched", batched_sec),
        ("one by one", single_sec),
        ("chunks of 16", chunked_sec),
    ]:
        print(f"{name:<17} {sec:8.3f} s  {textbook_sec / sec:6.1f} times the textbook's speed")


def least_sec(work: Callable[[], Result], num_runs: int = 5) -> tuple[float, Result]:
    """Return the least CPU seconds of several runs, and the result."""
    least = float("inf")
    for _ in range(num_runs):
        start = time.process_time()
        result = work()
        least = min(least, time.process_time() - start)
    return least, result


def encode(checkpoint: str, data_dir: str) -> list[Tensor]:
    """Return the CTC log-probabilities (T', V) of each utterance."""
    recognizer, reader = Recognizer.from_checkpoint(checkpoint), FeatureReader()
    log_probs = []
    for utt, entry in Table(Path(data_dir) / "feats.scp"):
        feats = reader.read(entry, utt)
        with torch.inference_mode():
            output = recognizer.model.encode(feats[None], torch.tensor([len(feats)]), -1, -1)
            log_probs.append(recognizer.model.ctc_log_probs(output.enc)[0])
    return log_probs


if __name__ == "__main__":
    main()
