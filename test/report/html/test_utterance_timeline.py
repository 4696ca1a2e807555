"""The figure of one utterance over time."""

import numpy as np
import pytest

from moeasr.report.html.utterance_timeline import INCHES_PER_SEC, draw_timeline
from moeasr.report.html.utterance_views import UtteranceView


def view_of(experts):
    return UtteranceView(
        utt_id="u1",
        duration_sec=2.0,
        frame_sec=0.04,
        words=[("$a_b$", 0.2, 0.6)],
        units=[("a", 0.2, 0.28), ("b", 0.5, 0.6)],
        experts=experts,
        steps=[],
        feats=np.random.default_rng(0).normal(size=(200, 20)),
    )


@pytest.mark.parametrize("num_experts", [3, 12, 40])
def test_the_time_axis_spans_the_utterance(num_experts):
    layers = ["encoder.blocks.0.feed_forward", "encoder.blocks.1.feed_forward"]
    timeline = draw_timeline(view_of([[0, 1] * 24, [2, 0] * 24]), layers, [num_experts, 3])
    assert (timeline.end - timeline.start) * timeline.width == pytest.approx(2 * INCHES_PER_SEC)
    spectrogram, words, units, experts = timeline.figure.axes
    assert all(axes.get_xlim() == (0, 2.0) for axes in timeline.figure.axes)
    assert [text.get_text() for text in words.texts] == ["$a_b$"]
    assert [text.get_position()[0] for text in units.texts] == [
        pytest.approx(0.24),
        pytest.approx(0.55),
    ]
    (image,) = experts.images
    assert image.get_array().shape == (2, 48) and image.get_extent()[1] == pytest.approx(48 * 0.04)
    assert [text.get_text() for text in experts.get_yticklabels()] == [
        "0 feed forward",
        "1 feed forward",
    ]
    assert len(timeline.figure.legends[0].get_texts()) == num_experts
    colours = {tuple(image.cmap(number)) for number in range(num_experts)}
    assert len(colours) == num_experts


def test_a_dense_model_has_no_rows_of_experts():
    timeline = draw_timeline(view_of([]), [], [])
    assert len(timeline.figure.axes) == 3 and not timeline.figure.legends
