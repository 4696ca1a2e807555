r"""Measure how well the confidence separates correct from wrong hypotheses.

    python tools/bench/measure_confidence.py --data-dir data/test exp/u2pp_moe/decode_test/*

For each directory of a mode, the script prints the word error rates of the less and the more
confident half of the utterances, the areas under the ROC curves (the probability that a correct
utterance or word is more confident than a wrong one), and the mean confidence beside the fraction
of correct words. Words come from `nbest.jsonl`; a word is wrong unless the alignment with the
reference matches it.
"""

import argparse
from pathlib import Path

from moeasr.decode.hypothesis import read_nbest
from moeasr.score.alignment import Counts
from moeasr.score.error_rate import pair_up, word_error_rate
from moeasr.text.transcript import read_transcripts


def area_under_curve(confidence: list[float], is_right: list[bool]) -> float:
    """Return the probability that a correct item is more confident than a wrong one.

    Ties count half.
    """
    right = [c for c, ok in zip(confidence, is_right) if ok]
    wrong = [c for c, ok in zip(confidence, is_right) if not ok]
    wins = sum((r > w) + 0.5 * (r == w) for r in right for w in wrong)
    return wins / max(len(right) * len(wrong), 1)


def main() -> None:
    """Print one line for each directory."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("mode_dirs", nargs="+", metavar="DIR")
    args = parser.parse_args()
    refs = read_transcripts(Path(args.data_dir) / "text")
    print(
        "mode                     WER low, high half %   AUC utts   AUC words   words: mean, right"
    )
    for mode_dir in map(Path, args.mode_dirs):
        if not (mode_dir / "nbest.jsonl").is_file():
            continue
        best = {utt: entries[0] for utt, entries in read_nbest(mode_dir / "nbest.jsonl").items()}
        rate = word_error_rate(pair_up(refs, {utt: entry["text"] for utt, entry in best.items()}))
        utts = sorted(rate.utterances, key=lambda utterance: best[utterance.utt_id]["confidence"])
        middle = len(utts) // 2
        low, high = (
            sum((utterance.counts for utterance in half), Counts()).percent
            for half in (utts[:middle], utts[middle:])
        )
        utt_area = area_under_curve(
            [best[utterance.utt_id]["confidence"] for utterance in utts],
            [utterance.counts.num_errors == 0 for utterance in utts],
        )
        confidence, is_right = [], []
        for utterance in utts:
            said = [step for step in utterance.steps if step.hyp is not None]
            words = best[utterance.utt_id].get("words", [])
            if len(words) == len(said):  # otherwise the hypothesis was not aligned
                confidence += [word["confidence"] for word in words]
                is_right += [step.ref == step.hyp for step in said]
        print(
            f"{mode_dir.name:24} {low:9.2f} {high:9.2f}   {utt_area:8.3f}   "
            f"{area_under_curve(confidence, is_right):9.3f}   "
            f"{sum(confidence) / len(confidence):7.3f} {sum(is_right) / len(is_right):6.3f}"
        )


if __name__ == "__main__":
    main()
