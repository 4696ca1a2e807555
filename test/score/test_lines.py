"""Summary lines, which equal those of Kaldi and WeNet character by character."""

from moeasr.score.alignment import Counts
from moeasr.score.error_rate import ErrorRate, UtteranceScore
from moeasr.score.lines import kaldi_rate_line, kaldi_sentence_lines, wenet_line


def rate_of(*counts: Counts) -> ErrorRate:
    """Return a rate with these counts and without alignments."""
    return ErrorRate(tuple(UtteranceScore(f"u{i}", (), c) for i, c in enumerate(counts)))


def test_kaldi_lines() -> None:
    rate = rate_of(
        Counts(hits=17_000, subs=2020, dels=330, ins=358), Counts(hits=788)
    )  # 20138 words
    line = "%WER 13.45 [ 2708 / 20138, 358 ins, 330 del, 2020 sub ]"
    assert kaldi_rate_line(rate, "WER") == line
    assert kaldi_rate_line(rate, "WER", num_absent=2) == f"{line} [PARTIAL]"
    assert kaldi_rate_line(rate, "CER").startswith("%CER 13.45 [")
    assert kaldi_sentence_lines(rate, num_absent=2) == [
        "%SER 50.00 [ 1 / 2 ]",
        "Scored 2 sentences, 2 not present in hyp.",
    ]


def test_wenet_line() -> None:
    rate = rate_of(Counts(hits=100_008, subs=4626, dels=131, ins=89))
    # (4626 + 131 + 89) / 104765
    assert wenet_line(rate) == "Overall -> 4.63 % N=104765 C=100008 S=4626 D=131 I=89"
