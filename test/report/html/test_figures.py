"""The figures of a report."""

import numpy as np
import pytest

from moeasr.report.html.dependence import Dependence
from moeasr.report.html.expert_facts import ExpertFacts, LabelFacts
from moeasr.report.html.figures import (
    MAX_CLASSES,
    agreement_figure,
    class_figure,
    dependence_figure,
    load_figure,
    preference,
    relations_figure,
    wer_comparison_figure,
)
from moeasr.report.html.training_facts import TrainingFacts

LAYERS = ["encoder.blocks.0.feed_forward", "encoder.blocks.1.feed_forward"]


def label_of(counts, classes, is_ordered=False):
    weak, strong = (Dependence(np.array(counts), 0.5, 0.1, p) for p in (0.3, 0.01))
    weak = weak._replace(bits=0.1)
    return LabelFacts(
        name="unit", classes=classes, is_ordered=is_ordered, layers=[weak, strong], note=None
    )


def experts_of(*labels):
    return ExpertFacts(
        layers=LAYERS,
        num_experts=[2, 2],
        num_utts=3,
        num_frames=30,
        num_unaligned=0,
        num_permutations=99,
        labels=list(labels),
        relations=np.array([[1.0, 0.2], [0.2, 1.0]]),
        closest=[],
        checkpoints={"epoch_1.pt": [0.5, 0.25]},
    )


def test_preference_is_relative_to_the_load():
    """Expert 0 has 8 of 16 frames, expert 1 the others, and expert 2 none."""
    counts = np.array([[6, 2, 0], [2, 2, 4], [0, 0, 0]])
    found = preference(counts)
    np.testing.assert_allclose(found[:2], [[1.5, 1.0, 0.0], [0.5, 1.0, 2.0]])
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize(
    ("is_ordered", "names"), [(False, ["a", "c", "b"]), (True, ["a", "b", "c"])]
)
def test_classes_of_one_expert_stand_together(is_ordered, names):
    label = label_of([[9, 1, 5], [1, 9, 5]], ["a", "b", "c"], is_ordered)
    axes = class_figure(label, experts_of(label)).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == names
    assert axes.get_title() == "1 feed forward"  # the layer that depends most on the label


def test_rare_classes_are_left_out():
    counts = np.ones((2, MAX_CLASSES + 5), np.int64)
    counts[0, 5:] = 3
    label = label_of(counts, [f"c{n}" for n in range(MAX_CLASSES + 5)])
    names = class_figure(label, experts_of(label)).axes[0].get_xticklabels()
    assert {text.get_text() for text in names} == {f"c{n}" for n in range(5, MAX_CLASSES + 5)}


def test_shares_are_percents_and_stars_mark_the_smallest_p_value():
    label = label_of([[9, 1], [1, 9]], ["a", "b"])
    texts = [text.get_text() for text in dependence_figure(experts_of(label)).axes[0].texts]
    assert texts == ["0.0", "40.0 *"]


def test_relations_and_agreements_are_percents():
    experts = experts_of()
    (image,) = relations_figure(experts).axes[0].images
    assert image.get_array().tolist() == [[100, 20], [20, 100]]
    texts = [text.get_text() for text in agreement_figure(experts).axes[0].texts]
    assert texts == ["50", "25"]


def test_each_layer_has_a_panel_of_its_load():
    training = TrainingFacts(
        train_loss=[],
        dev_loss=[],
        dev_wer=[],
        dev_set=None,
        load=[[[0.5, 0.5]] * 5, [[0.75, 0.25]] * 5],
    )
    figure = load_figure(training, LAYERS)
    panels = [axes for axes in figure.axes if axes.images and axes.get_title()]
    assert [axes.get_title() for axes in panels] == [
        "0 feed forward",
        "1 feed forward",
        *("layer 2", "layer 3", "layer 4"),
    ]
    has_epochs = [len(axes.get_xticklabels()) > 0 for axes in panels]
    assert has_epochs == [False, True, True, True, True]  # the lowest panel of each column
    assert panels[0].images[0].get_array().tolist() == [[1.0, 1.5], [1.0, 0.5]]


def test_every_experiment_has_a_curve():
    figure = wer_comparison_figure({"a": [(1, 50.0), (2, 20.0)], "b": [(1, 60.0)]})
    lines = figure.axes[0].lines
    assert [line.get_label() for line in lines] == ["a", "b"]
    assert lines[0].get_ydata().tolist() == [50.0, 20.0]
