"""Batched attention beam search against enumeration and against a search of one utterance."""

import itertools
import math

import pytest
import torch
from textbook import Memory

from moeasr.decode import attention_beam as attention
from moeasr.decode.attention_beam import attention_beam_search
from moeasr.decode.step_scorer import WeightedScorer

SOS_EOS = 2
NEG_INF = float("-inf")


def search(scorers, max_lens, beam_size, penalty=0.0, fusion=None):
    """Search without length penalty and fusion unless they are given."""
    return attention_beam_search(
        scorers,
        max_lens,
        beam_size=beam_size,
        sos_eos=SOS_EOS,
        length_penalty=penalty,
        fusion=fusion,
    )


def only(scorer):
    """Return a scorer that plays the part of the decoder."""
    return WeightedScorer(scorer, 1.0, "attention")


def toy_log_probs(utt, prefix, vocab_size, salt):
    """Return a random distribution that depends only on the utterance, the prefix and the salt."""
    seed = hash((salt, utt, *prefix)) % 2**31
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(vocab_size, generator=generator, dtype=torch.float64)
    return logits.log_softmax(-1)


class ToyScorer:
    """A scorer whose state is the prefixes, so that states in the wrong order are detected."""

    def __init__(self, vocab_size, salt=0):
        self.vocab_size = vocab_size
        self.salt = salt
        self.num_steps = 0

    def step(self, prefixes, utts, state):
        self.num_steps += 1
        if state is not None:
            assert torch.equal(state, prefixes[:, :-1])
        rows = [
            toy_log_probs(utt, prefix[1:], self.vocab_size, self.salt)
            for utt, prefix in zip(utts.tolist(), prefixes.tolist())
        ]
        return torch.stack(rows), prefixes

    def select(self, state, rows):
        return state[rows]


def total(utt, tokens, vocab_size, salt=0):
    steps = [(tokens[:n], token) for n, token in enumerate((*tokens, SOS_EOS))]
    return sum(float(toy_log_probs(utt, p, vocab_size, salt)[token]) for p, token in steps)


def enumerate_all(utt, vocab_size, max_len, salt=0):
    units = [unit for unit in range(vocab_size) if unit != SOS_EOS]
    found = {}
    for length in range(max_len + 1):
        for tokens in itertools.product(units, repeat=length):
            found[tokens] = total(utt, tokens, vocab_size, salt)
    return found


class Nothing:
    """A fusion that adds nothing."""

    def score(self, prefix):
        return 0.0, None

    final = staticmethod(lambda prefix: 0.0)


NO_FUSION = Nothing()


def reference_beam_search(
    utt, vocab_size, max_len, beam_size, penalty=0.0, fusion=NO_FUSION, num_units=1000
):
    """Search one utterance with Python lists, and stop only at the length limit.

    A fusion scores the `num_units` most probable units of each hypothesis. The others are dropped.
    """
    beam, ended = [((), 0.0)], []
    for length in range(max_len + 1):
        candidates = []
        for tokens, score in beam:
            values = dict(enumerate(toy_log_probs(utt, tokens, vocab_size, 0).tolist()))
            now, end = fusion.score(tokens)[0], fusion.final(tokens)
            candidates.append(((*tokens, SOS_EOS), score + values.pop(SOS_EOS) + end - now))
            for unit in sorted(values, key=values.get, reverse=True)[:num_units]:
                grown = (*tokens, unit)
                candidates.append((grown, score + values[unit] + fusion.score(grown)[0] - now))
        candidates.sort(key=lambda item: item[1], reverse=True)
        for rank, (tokens, score) in enumerate(candidates):
            if tokens[-1] == SOS_EOS and (rank < beam_size or length == max_len):
                ended.append((tokens[:-1], score + penalty * length))
        beam = [item for item in candidates if item[0][-1] != SOS_EOS][:beam_size]
    return sorted(ended, key=lambda item: item[1], reverse=True)[:beam_size]


def test_a_beam_that_holds_all_hypotheses_equals_enumeration():
    max_lens = torch.tensor([3, 0, 4, 1])
    results = search([only(ToyScorer(4))], max_lens, 300)
    for utt, hypotheses in enumerate(results):
        expected = enumerate_all(utt, 4, int(max_lens[utt]))
        assert {h.tokens: h.score for h in hypotheses} == pytest.approx(expected, abs=1e-12)
        assert [h.score for h in hypotheses] == sorted(expected.values(), reverse=True)
        assert all(h.attention_score == h.score for h in hypotheses)


@pytest.mark.parametrize("beam_size", [1, 2, 5])
@pytest.mark.parametrize("penalty", [0.0, 0.7, -0.7])
def test_stopping_early_loses_no_hypothesis_of_a_narrow_beam(beam_size, penalty):
    """The reference never stops early, so the test fails if the end is detected too soon."""
    max_lens = torch.tensor([9, 4, 7, 9, 1, 8])
    results = search([only(ToyScorer(5))], max_lens, beam_size, penalty)
    for utt, hypotheses in enumerate(results):
        expected = reference_beam_search(utt, 5, int(max_lens[utt]), beam_size, penalty)
        assert [h.tokens for h in hypotheses] == [tokens for tokens, _ in expected]
        for hypothesis, (tokens, score) in zip(hypotheses, expected):
            assert hypothesis.score == pytest.approx(score, abs=1e-12)
            assert hypothesis.attention_score == pytest.approx(total(utt, tokens, 5), abs=1e-12)


@pytest.mark.parametrize("beam_size", [1, 3, 6])
@pytest.mark.parametrize("num_units", [2, 20])
@pytest.mark.parametrize("penalty", [0.0, 0.7, -0.7])
def test_a_fusion_scores_only_the_most_probable_units(
    monkeypatch, fusion, beam_size, num_units, penalty
):
    """A fusion may add positive scores, so the search must not stop too early."""
    monkeypatch.setattr(attention, "NUM_FUSION_UNITS", num_units)
    max_lens = torch.tensor([9, 0, 7, 9, 1, 8])
    scorers = [only(ToyScorer(7))]
    results = search(scorers, max_lens, beam_size, penalty, fusion=fusion)
    plain = search(scorers, max_lens, beam_size, penalty)
    assert any(a[0].tokens != b[0].tokens for a, b in zip(results, plain))
    memory, num_units = Memory(fusion), max(beam_size, num_units)
    for utt, hypotheses in enumerate(results):
        max_len = int(max_lens[utt])
        expected = reference_beam_search(utt, 7, max_len, beam_size, penalty, memory, num_units)
        assert [h.tokens for h in hypotheses] == [tokens for tokens, _ in expected]
        for hypothesis, (tokens, score) in zip(hypotheses, expected):
            assert hypothesis.score == pytest.approx(score, abs=1e-9)
            assert hypothesis.fusion_score == pytest.approx(memory.final(tokens), abs=1e-9)
            assert hypothesis.attention_score == pytest.approx(total(utt, tokens, 7), abs=1e-9)


class Scripted:
    """A scorer with the same probabilities after every prefix of one length.

    Args:
        steps: For each step, unit -> probability. Other units have probability e^-20. Further steps
            repeat the last one.
    """

    def __init__(self, *steps):
        self.steps = steps
        self.num_steps = 0

    def step(self, prefixes, utts, state):
        self.num_steps += 1
        log_probs = torch.full((prefixes.size(0), 5), -20.0, dtype=torch.float64)
        for unit, probability in self.steps[min(prefixes.size(1), len(self.steps)) - 1].items():
            log_probs[:, unit] = math.log(probability)
        return log_probs, prefixes

    def select(self, state, rows):
        return state[rows]


# In the first step, the end has a higher probability than a unit. A hypothesis with a unit is log
# 0.6 - log 0.4 = 0.405 worse. It continues with unit 3 until it has five units, and then ends with
# probability 1.
LATE = [{SOS_EOS: 0.6, 3: 0.4}, *[{3: 1.0}] * 4, {SOS_EOS: 1.0}]


@pytest.mark.parametrize(("bonus", "length"), [(0.08, 0), (0.1, 5)])
def test_the_search_continues_while_the_length_bonus_can_still_win(bonus, length):
    """5 x 0.08 is below the deficit of 0.405. 5 x 0.1 is above it, but 4 x 0.1 is not."""
    scorers, max_lens = [only(Scripted(*LATE))], torch.tensor([5, 0, 4])
    results = search(scorers, max_lens, 1, bonus)
    assert [hypotheses[0].tokens for hypotheses in results] == [(3,) * length, (), ()]
    expected = math.log(0.4 if length else 0.6) + bonus * length
    assert results[0][0].score == pytest.approx(expected, abs=1e-12)


class Reward:
    """A fusion that subtracts from the score for one unit and adds more for the next."""

    def __init__(self, gain):
        self.gain = gain

    def start(self):
        return torch.zeros(1, dtype=torch.int64)

    def extend(self, states, units):
        states = states.expand(*states.shape[:-1], units.size(-1))
        gains = torch.where(states == 0, -self.gain, 3 * self.gain)
        return gains.double(), 1 - states[..., None]

    def finish(self, states):
        return torch.zeros(states.shape[:-1], dtype=torch.float64)

    def most(self, states, num_units):
        return (3 * self.gain * num_units.double()).expand(states.shape[:-1])


@pytest.mark.parametrize("gain", [0.7, 3.0, 9.0])
@pytest.mark.parametrize("beam_size", [1, 4])
def test_the_search_continues_while_a_fusion_can_still_win(gain, beam_size):
    """The reference never stops early."""
    scorers, max_lens = [only(ToyScorer(5))], torch.tensor([9, 0, 12, 1, 8])
    fusion = Reward(gain)
    fused = search(scorers, max_lens, beam_size, fusion=fusion)
    for utt, hypotheses in enumerate(fused):
        max_len = int(max_lens[utt])
        expected = reference_beam_search(utt, 5, max_len, beam_size, fusion=Memory(fusion))
        assert [h.tokens for h in hypotheses] == [tokens for tokens, _ in expected]
        assert [h.score for h in hypotheses] == pytest.approx([s for _, s in expected], abs=1e-9)


class Milestone:
    """A fusion that rewards the fifth unit; its bound is 0 where no fifth unit can follow."""

    def start(self):
        return torch.zeros(1, dtype=torch.int64)

    def extend(self, states, units):
        grown = states.expand(*states.shape[:-1], units.size(-1)) + 1
        return 0.41 * (grown == 5).double(), grown[..., None]

    def finish(self, states):
        return torch.zeros(states.shape[:-1], dtype=torch.float64)

    def most(self, states, num_units):
        return 0.41 * ((states[..., 0] < 5) & (states[..., 0] + num_units >= 5)).double()


def test_the_search_continues_while_the_last_unit_can_bring_a_reward():
    """The reward is 0.41, which outweighs the deficit of 0.405."""
    max_lens = torch.tensor([5, 1, 4, 6])
    scorers = [only(Scripted(*LATE))]
    results = search(scorers, max_lens, 1, fusion=Milestone())
    tokens = [(3,) * 5, (), (), (3,) * 5]
    assert [hypotheses[0].tokens for hypotheses in results] == tokens
    assert results[0][0].score == pytest.approx(math.log(0.4) + 0.41, abs=1e-12)


class Favourite:
    """A fusion that rewards one unit."""

    def __init__(self, unit):
        self.unit = unit

    def start(self):
        return torch.zeros(1, dtype=torch.int64)

    def extend(self, states, units):
        states = states.expand(*states.shape[:-1], units.size(-1))
        gains = torch.where(units[..., None, :] == self.unit, 50.0, 0.0).double()
        return gains.expand(states.shape), states[..., None]

    def finish(self, states):
        return torch.zeros(states.shape[:-1], dtype=torch.float64)

    def most(self, states, num_units):
        return (50.0 * num_units.double()).expand(states.shape[:-1])


@pytest.mark.parametrize(("beam_size", "num_units"), [(1, 20), (20, 20), (23, 23)])
def test_a_fusion_scores_twenty_units_or_as_many_as_the_beam_size(beam_size, num_units):
    """The probabilities of units 3, 4, 5 ... decrease.

    The fusion can make the last of the units that it scores the best one, but not the next unit.
    """
    log_probs = torch.linspace(-1.0, -4.0, 40, dtype=torch.float64)

    class Falling(ToyScorer):
        def step(self, prefixes, utts, state):
            return torch.cat([torch.full((3,), -9.0), log_probs]).expand(
                len(prefixes), -1
            ), prefixes

    for unit, wins in [(num_units + 2, True), (num_units + 3, False)]:
        (hypotheses,) = search(
            *([only(Falling(43))], torch.tensor([1]), beam_size),
            fusion=Favourite(unit),
        )
        assert (hypotheses[0].tokens == (unit,)) == wins


def test_the_search_stops_when_no_hypothesis_can_become_better_than_the_best():
    scorer = Scripted({3: 1.0}, {4: 1.0}, {SOS_EOS: 1.0})
    (hypotheses,) = search([only(scorer)], torch.tensor([1000]), 4)
    assert hypotheses[0].tokens == (3, 4)
    assert len(hypotheses) == 4
    assert scorer.num_steps < 10


def test_scores_are_weighted_sums_of_several_scorers():
    scorers = [
        WeightedScorer(ToyScorer(4, salt=1), 0.7, "attention"),
        WeightedScorer(ToyScorer(4, salt=2), 0.3, "attention"),
    ]
    results = search(scorers, torch.tensor([3, 2]), 100)
    for utt, max_len in enumerate([3, 2]):
        first = enumerate_all(utt, 4, max_len, salt=1)
        second = enumerate_all(utt, 4, max_len, salt=2)
        expected = {tokens: 0.7 * first[tokens] + 0.3 * second[tokens] for tokens in first}
        assert {h.tokens: h.score for h in results[utt]} == pytest.approx(expected, abs=1e-12)


def test_token_confidence_is_the_decoders_probability_of_each_token():
    scorers = [
        WeightedScorer(ToyScorer(4, salt=1), 0.6, "attention"),
        WeightedScorer(ToyScorer(4, salt=2), 0.4, "ctc"),
    ]
    for shown, salt in ((scorers, 1), (scorers[1:], 2)):
        (hypotheses,) = search(shown, torch.tensor([3]), 6)
        assert any(len(h.tokens) == 3 for h in hypotheses)
        for h in hypotheses:
            steps = [
                toy_log_probs(0, h.tokens[:place], 4, salt)[token].exp().item()
                for place, token in enumerate((*h.tokens, SOS_EOS))
            ]
            assert h.token_confidence == pytest.approx(steps[:-1], abs=1e-12)
            assert h.confidence == pytest.approx(math.prod(steps) ** (1 / len(steps)), abs=1e-12)
            assert h.ctc_score == pytest.approx(total(0, h.tokens, 4, salt=2), abs=1e-12)
