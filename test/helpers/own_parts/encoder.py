"""An encoder without blocks and with another frame rate: each frame depends on eight features."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from moeasr.models.encoders.encoder import Encoder, EncoderConfig
from moeasr.models.outputs import EncoderOutput

RATE = 8


class NoState(NamedTuple):
    """The state of streams for an encoder that needs no cache."""

    num_streams: int

    def select(self, rows):
        return NoState(len(rows))

    @classmethod
    def join(cls, states):
        return cls(sum(state.num_streams for state in states))


class StackEncoder(Encoder):
    """A linear layer on eight frames side by side."""

    subsampling_rate = RATE
    min_frames = RATE
    sees_future = False

    def __init__(self, num_mel_bins, d_model):
        super().__init__()
        self.d_model = d_model
        self.project = nn.Linear(RATE * num_mel_bins, d_model)

    def output_len(self, num_frames):
        return num_frames // RATE

    def start(self, num_streams):
        return NoState(num_streams)

    def forward(self, feats, feats_lens, chunk_size=-1, num_left_chunks=-1, context=None):
        missing = -feats.size(1) % RATE
        feats = nn.functional.pad(feats, (0, 0, 0, missing))
        enc = self.project(feats.unflatten(1, (-1, RATE)).flatten(2)).tanh()
        return EncoderOutput(enc, feats_lens // RATE, {})

    def extend(self, feats, feats_lens, chunk_size, num_left_chunks, context, state):
        return self(feats, feats_lens), state


@dataclass(frozen=True, kw_only=True)
class StackConfig(EncoderConfig):
    """The settings of the encoder, which has no option except its width."""

    def build(self, num_mel_bins, context_size):
        return StackEncoder(num_mel_bins, self.d_model)
