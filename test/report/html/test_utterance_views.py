"""The utterances that a report shows, frame by frame."""

import pytest
from reported import make_reported

from moeasr.decode.recognizer import Recognizer
from moeasr.report.html.routes import collect_routes
from moeasr.report.html.utterance_views import choose_utterances, make_views
from moeasr.score.alignment import align

PAIRS = {
    "bad": ("a b c d", "x y z d"),
    "typical": ("a b", "a x"),
    "long": ("a b c d e", "a b c d e"),
    "short": ("a", "a"),
}
ALIGNMENTS = dict(zip(PAIRS, align(*([p[n].split() for p in PAIRS.values()] for n in (0, 1)))))


def test_the_worst_a_typical_and_a_right_utterance_are_chosen():
    assert choose_utterances(ALIGNMENTS, 3) == ["bad", "typical", "long"]
    assert choose_utterances(ALIGNMENTS, 1) == ["bad"]
    assert sorted(choose_utterances(ALIGNMENTS, 9)) == sorted(PAIRS)


def test_a_view_holds_all_frames_of_an_utterance(tmp_path):
    reported = make_reported(tmp_path)
    recognizer = Recognizer.from_checkpoint(reported.exp_dir)
    routes = collect_routes(recognizer, reported.data_dir, 1000, shown=["a1"])
    (view,) = make_views(routes, recognizer, ["a1"], {"a1": ALIGNMENTS["bad"]}, {"a1": b"flac"})
    assert (view.utt_id, view.duration_sec, view.frame_sec) == ("a1", pytest.approx(1.5), 0.04)
    assert view.experts == routes.of(0).tolist() and len(view.experts) == 2
    assert [unit for unit, _, _ in view.units] == ["a", "b", "\u2581", "b", "a"]
    assert [word for word, _, _ in view.words] == ["ab", "ba"]
    assert view.words[0][1] == view.units[0][1] and view.words[1][2] == view.units[4][2]
    assert view.audio == b"flac" and view.steps == list(ALIGNMENTS["bad"])
