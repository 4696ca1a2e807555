"""Slow and obvious versions of the CTC searches, and inputs for both."""

import itertools
import math
from collections import defaultdict

import torch

NEG_INF = float("-inf")
ARPA = """\\data\\
ngram 1=7
ngram 2=4

\\1-grams:
-99 <s> -0.4
-0.6 </s>
-0.9 A -0.3
-1.1 AB -0.2
-0.8 B
-1.6 BAB -0.1
-2.5 <unk>

\\2-grams:
-0.3 <s> AB
-0.2 AB A
-1.5 A A
-0.4 A </s>

\\end\\
"""


def random_log_probs(num_utts, num_frames, vocab_size, seed, peaky=1.0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(num_utts, num_frames, vocab_size, generator=generator, dtype=torch.float64)
    return (logits * peaky).log_softmax(-1)


def collapse(path, blank=0):
    return tuple(token for token, _ in itertools.groupby(path) if token != blank)


def enumerate_prefixes(log_probs, blank=0):
    """Every unit sequence and its probability: the sum over all V^T alignments."""
    num_frames, vocab_size = log_probs.shape
    totals = defaultdict(float)
    for path in itertools.product(range(vocab_size), repeat=num_frames):
        value = sum(log_probs[t, token].item() for t, token in enumerate(path))
        totals[collapse(path, blank)] += math.exp(value)
    return totals


def log_add(a, b):
    if a == NEG_INF:
        return b
    if b == NEG_INF:
        return a
    high, low = (a, b) if a > b else (b, a)
    return high + math.log1p(math.exp(low - high))


def textbook_prefix_beam_search(log_probs, beam_size, blank=0):
    """Hannun's algorithm, one utterance, one frame, one prefix, one unit at a time."""
    beam = [((), (0.0, NEG_INF))]
    for frame in log_probs.tolist():
        following = defaultdict(lambda: (NEG_INF, NEG_INF))
        for prefix, (p_blank, p_unit) in beam:
            for token, p in enumerate(frame):
                if token == blank:
                    b, u = following[prefix]
                    following[prefix] = (log_add(b, log_add(p_blank, p_unit) + p), u)
                elif prefix and token == prefix[-1]:
                    b, u = following[prefix]
                    following[prefix] = (b, log_add(u, p_unit + p))
                    b, u = following[(*prefix, token)]
                    following[(*prefix, token)] = (b, log_add(u, p_blank + p))
                else:
                    b, u = following[(*prefix, token)]
                    following[(*prefix, token)] = (b, log_add(u, log_add(p_blank, p_unit) + p))
        ranked = sorted(following.items(), key=lambda item: log_add(*item[1]), reverse=True)
        beam = ranked[:beam_size]
    return [(prefix, log_add(*scores)) for prefix, scores in beam if log_add(*scores) > NEG_INF]


class Memory:
    """The scores that a fusion gives to single prefixes, cached."""

    def __init__(self, fusion):
        self.fusion = fusion
        self.known = {(): (0.0, fusion.start())}

    def score(self, prefix):
        """Return the sum of the scores that the units add, and the state after them."""
        if prefix not in self.known:
            before, state = self.score(prefix[:-1])
            gain, grown = self.fusion.extend(state[None], torch.tensor(prefix[-1:]))
            self.known[prefix] = (before + float(gain), grown[0, 0])
        return self.known[prefix]

    def final(self, prefix):
        total, state = self.score(prefix)
        return total + float(self.fusion.finish(state[None]))
