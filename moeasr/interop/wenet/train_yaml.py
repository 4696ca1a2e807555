"""The WeNet train.yaml of a model whose components WeNet supports."""

from pathlib import Path
from typing import Any

from moeasr.features.fbank_config import FbankConfig
from moeasr.models.config import ModelConfig
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.text.dictionary import BLANK, BLANK_ID, SOS_EOS_ID, UNK, UNK_ID
from moeasr.text.tokenizer import Tokenizer

TRAINING: dict[str, Any] = {
    "dataset": "asr",
    "grad_clip": 5,
    "accum_grad": 1,
    "max_epoch": 100,
    "log_interval": 100,
    "optim": "adam",
    "optim_conf": {"lr": 0.001},
    "scheduler": "warmuplr",
    "scheduler_conf": {"warmup_steps": 25000},
}
"""Settings that WeNet needs to continue training, with the values of its own U2++ recipe."""
DATASET: dict[str, Any] = {
    "filter_conf": {
        "max_length": 40960,
        "min_length": 0,
        "token_max_length": 200,
        "token_min_length": 1,
    },
    "speed_perturb": True,
    "spec_aug": True,
    "spec_aug_conf": {"num_t_mask": 2, "num_f_mask": 2, "max_t": 50, "max_f": 10},
    "shuffle": True,
    "shuffle_conf": {"shuffle_size": 1500},
    "sort": True,
    "sort_conf": {"sort_size": 500},
    "batch_conf": {"batch_type": "static", "batch_size": 16},
}


def train_yaml(
    out_dir: Path, config: ModelConfig, tokenizer: Tokenizer, fbank: FbankConfig
) -> dict[str, Any]:
    """Return the content of train.yaml.

    Args:
        out_dir: Directory of train.yaml and of the files that it names.
        config: Config of the model.
        tokenizer: Tokenizer of the model.
        fbank: Feature settings of the model.
    """
    encoder, decoder = config.encoder, config.decoder
    is_bidirectional = decoder.num_reverse_blocks > 0
    kind = tokenizer.config.type
    decoder_conf = {
        "attention_heads": decoder.num_heads,
        "num_blocks": decoder.num_blocks,
        "dropout_rate": decoder.dropout,
        "positional_dropout_rate": decoder.dropout,
        "self_attention_dropout_rate": decoder.attention_dropout,
        "src_attention_dropout_rate": decoder.attention_dropout,
        **_mlp(decoder.feed_forward),
    }
    if is_bidirectional:
        decoder_conf["r_num_blocks"] = decoder.num_reverse_blocks
    fbank_conf = {
        "num_mel_bins": fbank.num_mel_bins,
        "frame_shift": _whole(fbank.frame_shift_ms),
        "frame_length": _whole(fbank.frame_length_ms),
        "dither": fbank.dither,
    }
    if fbank.window_type != "povey":
        fbank_conf["window_type"] = fbank.window_type
    has_bpe = tokenizer.state()["bpe_model"] is not None
    return {
        "model": "asr_model",
        "model_conf": {
            "ctc_weight": config.ctc_weight,
            "lsm_weight": config.label_smoothing,
            "length_normalized_loss": False,
            "reverse_weight": config.reverse_weight,
        },
        "encoder": "conformer",
        "encoder_conf": {
            "output_size": encoder.d_model,
            "attention_heads": encoder.num_heads,
            "num_blocks": encoder.num_blocks,
            "dropout_rate": encoder.dropout,
            "positional_dropout_rate": encoder.dropout,
            "attention_dropout_rate": encoder.attention_dropout,
            "input_layer": "conv2d",
            "normalize_before": True,
            "cnn_module_kernel": encoder.conv_kernel_size,
            "use_cnn_module": True,
            "cnn_module_norm": "batch_norm" if encoder.conv_norm == "none" else "layer_norm",
            "pos_enc_layer_type": "rel_pos",
            "selfattention_layer_type": "rel_selfattn",
            "causal": encoder.causal_conv,
            "use_dynamic_chunk": encoder.dynamic_chunk,
            **_mlp(encoder.feed_forward),
        },
        "decoder": "bitransformer" if is_bidirectional else "transformer",
        "decoder_conf": decoder_conf,
        "ctc": "ctc",
        "ctc_conf": {"ctc_blank_id": BLANK_ID},
        "cmvn": "global_cmvn",
        "cmvn_conf": {"cmvn_file": str(out_dir / "global_cmvn"), "is_json_cmvn": True},
        "tokenizer": "bpe" if has_bpe else "char",
        "tokenizer_conf": {
            "symbol_table_path": str(out_dir / "units.txt"),
            "split_with_space": kind == "word",
            # WeNet's command line treats every text here as a path, so an empty text is left out
            **({"connect_symbol": " "} if kind == "word" else {}),
            "bpe_path": str(out_dir / "bpe.model") if has_bpe else None,
            "non_lang_syms_path": (
                str(out_dir / "non_lang_syms.txt") if tokenizer.config.non_lang_syms else None
            ),
            "special_tokens": {
                BLANK: BLANK_ID,
                UNK: UNK_ID,
                "<sos>": SOS_EOS_ID,
                "<eos>": SOS_EOS_ID,
            },
        },
        "dataset_conf": {
            "resample_conf": {"resample_rate": fbank.sample_rate_hz},
            "fbank_conf": fbank_conf,
            **DATASET,
        },
        **TRAINING,
        "input_dim": fbank.num_mel_bins,
        "output_dim": tokenizer.vocab_size,
        "vocab_size": tokenizer.vocab_size,
    }


def _mlp(config: DenseConfig | MoeConfig) -> dict[str, Any]:
    conf: dict[str, Any] = {
        "linear_units": config.hidden_units,
        "activation_type": "swish" if config.activation == "silu" else config.activation,
    }
    if isinstance(config, MoeConfig):
        conf |= {
            "mlp_type": "moe",
            "n_expert": config.num_experts,
            "n_expert_activated": config.decoding_experts,
        }
    return conf


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value
