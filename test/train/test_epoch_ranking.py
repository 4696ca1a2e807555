"""The ranking of epochs."""

import math

from moeasr.train.checkpoint_keeper import EpochScore
from moeasr.train.epoch_ranking import rank_epochs


def test_low_costs_and_late_epochs_are_first_and_costs_that_are_no_numbers_last():
    costs = {1: 2.0, 2: math.nan, 3: 1.0, 4: 2.0, 5: math.inf, 6: math.nan}
    ranked = rank_epochs(EpochScore(epoch, cost) for epoch, cost in costs.items())
    assert [score.epoch for score in ranked] == [3, 4, 1, 6, 5, 2]
