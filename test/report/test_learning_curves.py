"""Learning curves: which values of `metrics.jsonl` they show."""

import pytest

from moeasr.report.learning_curves import loss_figure, wer_figure

LINES = [
    '{"kind": "train", "step": 2, "loss": 9.0}',
    '{"kind": "train", "step": 4, "loss": 8.0}',
    '{"kind": "dev", "step": 4, "loss": 7.0, "wer": 60.0}',
    '{"kind": "experts", "step": 4, "load_entropy": 0.5}',
    '{"kind": "train", "step": 6, "loss": null}',
    '{"kind": "dev", "step": 8, "loss": 6.5, "wer": 40.0}',
    '{"kind": "dev", "step": 12, "loss": 6.0, "wer": 50.0}',
]


def lines_of(figure):
    (axes,) = figure.axes
    return [[tuple(map(float, point)) for point in line.get_xydata()] for line in axes.lines]


def test_losses_are_drawn_over_steps_and_word_error_rates_over_epochs(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "metrics.jsonl").write_text("\n".join([*LINES, ""]))
    train, dev = lines_of(loss_figure(tmp_path))
    assert train == [(2, 9), (4, 8)]
    assert dev == [(4, 7), (8, 6.5), (12, 6)]
    figure = wer_figure(tmp_path)
    assert lines_of(figure)[0] == [(1, 60), (2, 40), (3, 50)]
    assert figure.axes[0].get_title() == "lowest: 40.00 % in epoch 2"


def test_without_values_there_is_no_picture(tmp_path):
    assert loss_figure(tmp_path) is None
    (tmp_path / "metrics.jsonl").write_text('{"kind": "dev", "step": 8, "loss": null}\n')
    assert loss_figure(tmp_path) is None and wer_figure(tmp_path) is None
