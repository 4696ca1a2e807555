"""The content of the train.yaml that an export writes."""

from pathlib import Path

from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.train_yaml import train_yaml
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.text.build_tokenizer import build_tokenizer

EXPERTS = MoeConfig(hidden_units=64, num_experts=4, experts_per_frame=2)
CONFIG = ModelConfig(
    encoder=ConformerConfig(num_blocks=2, d_model=32, num_heads=2, feed_forward=EXPERTS),
    decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2),
)
FBANK = FbankConfig(num_mel_bins=40, frame_shift_ms=12.5)


def test_sizes_experts_units_and_features_are_the_models():
    yaml = train_yaml(Path("out"), CONFIG, build_tokenizer(["ab a"], "char"), FBANK)
    encoder, decoder = yaml["encoder_conf"], yaml["decoder_conf"]
    assert (encoder["output_size"], encoder["num_blocks"], encoder["linear_units"]) == (32, 2, 64)
    assert (encoder["mlp_type"], encoder["n_expert"], encoder["n_expert_activated"]) == (
        "moe",
        4,
        2,
    )
    assert encoder["activation_type"] == "swish" and "mlp_type" not in decoder
    assert (yaml["decoder"], decoder["r_num_blocks"]) == ("bitransformer", 1)
    assert (yaml["input_dim"], yaml["output_dim"], yaml["vocab_size"]) == (40, 6, 6)
    assert yaml["dataset_conf"]["fbank_conf"]["frame_shift"] == 12.5
    assert yaml["dataset_conf"]["fbank_conf"]["frame_length"] == 25
    assert yaml["tokenizer_conf"]["symbol_table_path"] == "out/units.txt"
    assert yaml["cmvn_conf"]["cmvn_file"] == "out/global_cmvn"


def test_one_decoder_is_a_transformer():
    decoder = DecoderConfig(num_blocks=1, num_reverse_blocks=0, num_heads=2)
    config = ModelConfig(encoder=CONFIG.encoder, decoder=decoder, reverse_weight=0.0)
    yaml = train_yaml(Path("out"), config, build_tokenizer(["ab a"], "word"), FBANK)
    assert yaml["decoder"] == "transformer" and "r_num_blocks" not in yaml["decoder_conf"]
    assert yaml["tokenizer_conf"]["split_with_space"] is True
