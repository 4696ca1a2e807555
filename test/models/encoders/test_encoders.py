"""The family of encoders."""

from typing import get_args, get_type_hints

import pytest
import torch
from systems import BATCH, NUM_MEL_BINS, encoder

from moeasr.config import from_mapping
from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.encoder import Encoder, EncoderConfig
from moeasr.models.encoders.encoders import ENCODERS


@pytest.mark.parametrize("name", ENCODERS)
def test_a_type_builds_the_encoder_of_its_config(name):
    (own,) = get_args(get_type_hints(ENCODERS[name])["type"])
    assert issubclass(ENCODERS[name], EncoderConfig) and own == name
    built = encoder(type=name).build(NUM_MEL_BINS, context_size=0).double().eval()
    assert isinstance(built, Encoder)
    output = built(*BATCH[:2])
    assert output.enc_lens.tolist() == [built.output_len(70), built.output_len(50)]
    assert output.enc.shape == (2, built.output_len(70), built.d_model)
    assert built.start(3).num_streams == 3
    assert torch.isfinite(output.enc).all()


def test_a_section_is_read_by_its_type():
    section = {"encoder": {"type": "transformer", "d_model": 64}}
    assert isinstance(from_mapping(ModelConfig, section, "f").encoder, ENCODERS["transformer"])
    assert isinstance(from_mapping(ModelConfig, {}, "f").encoder, ENCODERS["conformer"])
    with pytest.raises(InputError, match="f: 'encoder.type' must be one of .*did you mean 'confor"):
        from_mapping(ModelConfig, {"encoder": {"type": "conformers"}}, "f")
