"""Measure the time of each augmentation, per utterance and relative to its filter banks.

Uses one thread. The best of several rounds over the same utterances is printed, in CPU time.

    python tools/bench/measure_augmentation.py egs/an4/data/train
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from moeasr.augment.augmentation import AugmentationConfig
from moeasr.augment.augmentations import AUGMENTATIONS
from moeasr.augment.made_noise import MADE_NOISES
from moeasr.augment.noise import NoiseConfig
from moeasr.data.augmented_features import AugmentedFeatures
from moeasr.data.data_type import find_data_type
from moeasr.data.feature_settings import read_settings
from moeasr.data.selection import LengthLimits, load_utterances

NUM_ROUNDS = 3


def best_ms(work: Callable[[int], object], num_utts: int) -> float:
    """Return the shortest time of a round in ms per utterance."""
    times = []
    for _ in range(NUM_ROUNDS):
        start = time.process_time()
        for index in range(num_utts):
            work(index)
        times.append(time.process_time() - start)
    return 1000 * min(times) / num_utts


def main() -> None:
    """Measure all augmentations with their default settings, and all kinds of computed noise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_dir", type=Path, help="data directory, prepared by utils/make_raw.sh")
    parser.add_argument("--num-utts", type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(1)
    everything, _ = load_utterances(
        args.data_dir, None, lambda length: length, LengthLimits(), data_type="raw"
    )
    places = np.linspace(0, len(everything) - 1, min(args.num_utts, len(everything))).astype(int)
    utterances, fbank = everything.select(np.unique(places)), read_settings(args.data_dir)
    reader = find_data_type("raw").open_reader(args.data_dir)
    num_utts = len(utterances)
    reading = best_ms(lambda index: reader.read_signal(utterances[index]), num_utts)
    plain = best_ms(lambda index: reader.read(utterances[index]), num_utts)
    seconds = utterances.num_frames.mean() * fbank.frame_shift_sec
    print(f"{num_utts} utterances of {seconds:.2f} s")
    print(f"{'':16} ms  / filter banks\n{'read audio':12} {reading:6.2f}")
    print(f"{'filter banks':12} {plain - reading:6.2f} {1:8.2f}")
    configs: dict[str, AugmentationConfig] = {
        name: config(prob=1.0) for name, config in AUGMENTATIONS.items()
    }
    configs |= {kind: NoiseConfig(prob=1.0, kinds=(kind,)) for kind in MADE_NOISES}
    for name, config in configs.items():
        augmented = AugmentedFeatures(utterances, reader, [config], fbank, seed=0)
        extra = best_ms(lambda index, read=augmented.read: read(1, index), num_utts) - plain
        print(f"{name:12} {extra:6.2f} {extra / (plain - reading):8.2f}", flush=True)


if __name__ == "__main__":
    main()
