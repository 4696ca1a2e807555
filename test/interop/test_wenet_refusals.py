"""Components that cannot be imported or exported are named, and nothing is written."""

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from rounding import assert_close

from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.export_model import write_wenet
from moeasr.interop.wenet.import_model import read_wenet
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.embedding import EmbeddingConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.encoders.transformer import TransformerConfig
from moeasr.models.heads.ctc_head import CtcConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig

GOLDEN = Path(__file__).parent / "golden"
UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abc"]
WENETS = FbankConfig(num_mel_bins=20, high_freq_hz=0.0, snip_edges=True)


@pytest.fixture
def model_dir(tmp_path):
    shutil.copytree(GOLDEN / "u2pp_moe", tmp_path / "m")
    return tmp_path / "m"


def change_yaml(model_dir, key, value):
    """Set a dotted key."""
    path = model_dir / "train.yaml"
    configs = yaml.safe_load(path.read_text())
    *sections, last = key.split(".")
    node = configs
    for section in sections:
        node = node[section]
    node[last] = value
    path.write_text(yaml.safe_dump(configs))


def change_weights(model_dir, change):
    state = torch.load(model_dir / "final.pt", weights_only=True)
    change(state)
    torch.save(state, model_dir / "final.pt")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", "transducer"),
        ("encoder", "squeezeformer"),
        ("decoder", "sanm_decoder"),
        ("decoder", None),
        ("ctc", "other"),
        ("encoder_conf.input_layer", "conv2d6"),
        ("encoder_conf.pos_enc_layer_type", "rope_pos"),
        ("encoder_conf.selfattention_layer_type", "shaw_rel_selfattn"),
        ("encoder_conf.normalize_before", False),
        ("encoder_conf.macaron_style", False),
        ("encoder_conf.use_cnn_module", False),
        ("encoder_conf.activation_type", "gelu"),
        ("encoder_conf.cnn_module_norm", "rms_norm"),
        ("encoder_conf.layer_norm_type", "rms_norm"),
        ("encoder_conf.norm_eps", "1e-6"),
        ("encoder_conf.conv_norm_eps", 0.001),
        ("encoder_conf.n_kv_head", 1),
        ("encoder_conf.concat_after", True),
        ("encoder_conf.mlp_type", "gated"),
        ("encoder_conf.conv_inner_factor", 4),
        ("encoder_conf.head_dim", 4),
        ("decoder_conf.use_output_layer", False),
        ("decoder_conf.normalize_before", False),
        ("decoder_conf.layer_norm_type", "rms_norm"),
        ("decoder_conf.concat_after", True),
        ("decoder_conf.n_kv_head", 1),
        ("decoder_conf.activation_type", "tanh"),
        ("decoder_conf.src_attention", False),
        ("decoder_conf.input_layer", "embed_learnable_pe"),
        ("model_conf.apply_non_blank_embedding", True),
        ("tokenizer", "whisper"),
        ("dataset_conf.feats_type", "mfcc"),
        ("cmvn", "utterance_cmvn"),
    ],
)
def test_parts_without_counterpart_are_named(model_dir, key, value):
    change_yaml(model_dir, key, value)
    with pytest.raises(InputError, match=rf"train\.yaml: '{key}' is .* but moeasr supports only"):
        read_wenet(model_dir)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("predictor", "rnn", "'predictor' is unknown"),
        ("encoder_conf.efficient_conf", {}, r"'encoder_conf\.efficient_conf' is unknown"),
        ("decoder_conf.src_query_bias", False, "is unknown"),  # of the bitransformer
        ("dataset_conf.fbank_conf.low_freq", 0, r"'dataset_conf\.fbank_conf\.low_freq' is unknown"),
        ("model_conf", 3, "'model_conf' must be a section"),
        ("encoder_conf.num_blocks", "two", "must be an integer of at least 1, but is 'two'"),
        ("encoder_conf.num_blocks", True, "must be an integer of at least 1, but is true"),
        ("encoder_conf.causal", "maybe", "must be true or false, but is 'maybe'"),
        ("encoder_conf.causal", False, "`dynamic_chunk: true` needs `causal_conv: true`"),
        ("encoder_conf.n_expert_activated", 9, "must be between 1 and the number of experts"),
        ("model_conf.ctc_weight", 2.0, "`ctc_weight` must be between 0 and 1"),
        (
            "tokenizer_conf.special_tokens",
            {"<sos>": 1, "<eos>": 2},
            "the same whole number, but they are 1 and 2",
        ),
        (
            "tokenizer_conf.special_tokens",
            {"<sos>": 1, "<eos>": 1},
            "must be different and between 0 and 11, but are .0, 1, 1.",
        ),
        ("tokenizer_conf.non_lang_syms_path", "x/nlsyms", r"m/nlsyms does not exist"),
        ("tokenizer", "bpe", r"need the sentencepiece model; .*--bpe-model .*: none\)"),
        ("output_dim", 13, "'output_dim' and 'vocab_size' differ"),
        ("output_dim", None, "'output_dim' must be an integer of at least 4, but is null"),
        ("input_dim", 80, "'input_dim' is 80, but the filter banks have 20"),
    ],
)
def test_other_faults_of_the_train_yaml(model_dir, key, value, sentence):
    change_yaml(model_dir, key, value)
    with pytest.raises(InputError, match=sentence):
        read_wenet(model_dir)


def test_a_key_that_the_train_yaml_lacks_is_named(model_dir):
    path = model_dir / "train.yaml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("output_dim:")]
    path.write_text("\n".join(kept))
    with pytest.raises(InputError, match=r"m/train\.yaml: key 'output_dim' is missing"):
        read_wenet(model_dir)


@pytest.mark.parametrize("name", ["train.yaml", "final.pt", "units.txt"])
def test_missing_files_are_named(model_dir, name):
    (model_dir / name).unlink()
    with pytest.raises(InputError, match=rf"m/{name} does not exist"):
        read_wenet(model_dir)


def test_a_broken_link_lists_the_existing_checkpoints(model_dir):
    """WeNet's training may leave a final.pt that is a broken link."""
    (model_dir / "final.pt").rename(model_dir / "epoch_3.pt")
    (model_dir / "final.pt").symlink_to("3.pt")
    with pytest.raises(InputError, match=r"a link to 3\.pt; use --checkpoint with epoch_3\.pt"):
        read_wenet(model_dir)
    assert read_wenet(model_dir, "epoch_3.pt").model.vocab_size == 12


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda s: s.pop("encoder.encoders.1.feed_forward.experts.2.w_1.bias"),
            r"final\.pt lacks weights: encoder\.encoders\.1\.feed_forward\.experts\.2\.w_1\.bias$",
        ),
        (
            lambda s: [s.pop(n) for n in list(s) if "decoders" in n],
            r"lacks weights: decoder\.left_decoder\.decoders\.0\.self_attn\..* and \d+ more$",
        ),
        (
            lambda s: s.update({"encoder.encoders.0.adapter.weight": torch.ones(1)}),
            r"has unknown weights: encoder\.encoders\.0\.adapter\.weight$",
        ),
        (
            lambda s: s.update({"ctc.ctc_lo.weight": torch.ones(12, 9)}),
            r"'ctc\.ctc_lo\.weight' has shape \(12, 9\), .* must have shape \(12, 16\)",
        ),
        (
            lambda s: s.update(
                {"encoder.encoders.0.feed_forward.experts.1.w_1.bias": torch.ones(1)}
            ),
            r"according to train\.yaml, .* must have shape",
        ),
        (lambda s: s.update({"epoch": 3}), "must map names to tensors"),
    ],
)
def test_weights_that_do_not_fit_are_named(model_dir, change, sentence):
    change_weights(model_dir, change)
    with pytest.raises(InputError, match=sentence):
        read_wenet(model_dir)


def test_weights_of_what_the_train_yaml_does_not_have_are_unknown(model_dir):
    change_yaml(model_dir, "encoder_conf.key_bias", False)
    with pytest.raises(InputError, match=r"unknown weights: .*self_attn\.linear_k\.bias"):
        read_wenet(model_dir)


def test_weights_cut_short_are_refused(model_dir):
    path = model_dir / "final.pt"
    for content in (path.read_bytes()[:5000], b"", b"hello\n", b"\xff\x00abc"):
        path.write_bytes(content)
        # not torch's own words, which advise to load it unsafely
        with pytest.raises(
            InputError, match=r"final\.pt cannot be .*: it is truncated, .* than tensors$"
        ):
            read_wenet(model_dir)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("<blank> 0\n<unk> 1\na\n", "units.txt:3: must be `symbol id`"),
        ("<blank> 0\n<unk> 1\na 1\n", "units.txt:3: 'a' or its id appears twice"),
        ("<blank> 0\n<unk> 1\na 3\n", "the ids must be 0 to 2, each once"),
        ("<blank> 0\n<unk> 1\na 2\n", "has 3 units, but 'output_dim' in train.yaml is 12"),
        ("".join(f"u{i} {i}\n" for i in range(12)), "has no unit '<unk>'"),
        (
            "".join(f"{u} {i}\n" for i, u in enumerate(["x", "<unk>", "<blank>", *"abcdefghi"])),
            "'<blank>' has id 2, but train.yaml gives it another id",
        ),
    ],
)
def test_faults_of_the_units_are_named(model_dir, lines, sentence):
    (model_dir / "units.txt").write_text(lines)
    with pytest.raises(InputError, match=sentence):
        read_wenet(model_dir)


def wenets_config(**encoder):
    feed_forward = DenseConfig(hidden_units=8)
    return ModelConfig(
        encoder=ConformerConfig(
            **{
                **{"num_blocks": 1, "d_model": 8, "num_heads": 2, "attention": "key_position"},
                **{"feed_forward": feed_forward, "macaron_feed_forward": feed_forward},
                **{"final_norm": True, **encoder},
            }
        ),
        decoder=DecoderConfig(
            num_blocks=1, num_reverse_blocks=1, num_heads=2, feed_forward=feed_forward
        ),
    )


MOE = MoeConfig(hidden_units=6, num_experts=4, expert_weights="selected")
FULL = dataclasses.replace(MOE, expert_weights="full")
RELU = dataclasses.replace(MOE, router="language", activation="relu")


def routed(feed_forward, macaron=None):
    parts = {"feed_forward": feed_forward, "macaron_feed_forward": macaron or feed_forward}
    return dataclasses.replace(wenets_config().encoder, **parts)


def export(config, out_dir, fbank=WENETS, non_lang_syms=()):
    model = build_model(config, 20, len(UNITS)).eval()
    units = TokenizerConfig(type="char", non_lang_syms=non_lang_syms)
    write_wenet(out_dir, model, Tokenizer(units, UNITS), fbank)
    return model


@pytest.mark.parametrize(
    ("encoder", "key"),
    [
        ({"attention": "relative"}, r"`model\.encoder\.attention` is relative"),
        (
            {"final_norm": False},
            r"`model\.encoder\.final_norm` is false, but WeNet supports only true",
        ),
        ({"num_groups": 1}, r"`model\.encoder\.num_groups` is 1, but WeNet supports only null"),
        ({"num_dense_blocks": 1}, r"`model\.encoder\.num_dense_blocks` is 1, but .* only 0"),
        ({"subsampling_channels": 4}, r"`model\.encoder\.subsampling_channels` is 4"),
        (
            {"causal_conv": False, "dynamic_chunk": False},
            r"`model\.encoder\.conv_edges` is before_gate",
        ),
        ({"feed_forward": DenseConfig(hidden_units=9)}, "`model.encoder.feed_forward` and"),
        (
            {"feed_forward": MoeConfig(router="omni")},
            r"`model\.encoder\.feed_forward` has `router: omni`",
        ),
    ],
)
def test_what_wenet_cannot_express_is_named(encoder, key, tmp_path):
    with pytest.raises(InputError, match=rf"WeNet cannot express this model: .*{key}"):
        export(wenets_config(**encoder), tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (
            {
                "encoder": routed(dataclasses.replace(MOE, router="embedding")),
                "embedding": EmbeddingConfig(encoder=ConformerConfig(d_model=8, num_heads=2)),
            },
            r"`model\.embedding` is there, but WeNet supports only null",
        ),
        (
            {
                "encoder": routed(RELU),
                "languages": ("en", "zh"),
            },
            r"`model\.languages` is \('en', 'zh'\).*feed_forward\.activation` is relu, but",
        ),
        (
            {"decoder": DecoderConfig(num_blocks=1, num_heads=2, feed_forward=FULL)},
            r"`model\.decoder\.feed_forward` has .*`expert_weights: full`",
        ),
        (
            {"encoder": TransformerConfig()},
            r"`model\.encoder\.type` is transformer, but WeNet supports only",
        ),
        (
            {"heads": {"more": CtcConfig(weight=0.1)}},
            r"`model\.heads` is there, but WeNet supports only null",
        ),
        (
            {"encoder": routed(dataclasses.replace(MOE, shared_expert_units=5))},
            r"`model\.encoder\.feed_forward\.shared_expert_units` is 5, but WeNet supports only 0",
        ),
        (
            {"encoder": routed(dataclasses.replace(MOE, merged_from=9))},
            r"the experts of `model\.encoder\.feed_forward` were merged, but in WeNet a router",
        ),
        ({"encoder": routed(FULL)}, r"`model\.encoder\.feed_forward` has .*`expert_weights: full`"),
        (
            {"encoder": routed(MOE, dataclasses.replace(MOE, num_experts=3))},
            "the same type and size",
        ),
    ],
)
def test_other_parts_that_wenet_has_not_are_named(change, key, tmp_path):
    with pytest.raises(InputError, match=rf"WeNet cannot express this model: .*{key}"):
        export(dataclasses.replace(wenets_config(), **change), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_other_filter_banks_are_named_all(tmp_path):
    fbank = FbankConfig(num_mel_bins=20, low_freq_hz=60.0)
    sentence = "`snip_edges` .*`low_freq_hz` is 60.*`high_freq_hz` is 7600"
    with pytest.raises(InputError, match=sentence):
        export(wenets_config(), tmp_path / "out", fbank=fbank)
    assert not list(tmp_path.iterdir())


def test_a_model_without_decoder_is_refused(tmp_path):
    config = dataclasses.replace(
        wenets_config(),
        decoder=DecoderConfig(num_blocks=0, num_reverse_blocks=0),
        ctc_weight=1.0,
        reverse_weight=0.0,
    )
    with pytest.raises(InputError, match=r"`model\.decoder\.num_blocks` is 0"):
        export(config, tmp_path / "out")


def test_symbols_that_wenet_would_split_are_refused(tmp_path):
    with pytest.raises(InputError, match="non-linguistic symbol '%noise'"):
        export(wenets_config(), tmp_path / "out", non_lang_syms=("%noise",))


def test_a_directory_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    export(wenets_config(), tmp_path / "out")
    with pytest.raises(InputError, match="already exists and is not empty"):
        export(wenets_config(), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize("is_moe", [False, True])
def test_a_model_trained_here_survives_the_way_out_and_in(is_moe, tmp_path):
    """The model keeps its settings (none of them a default of WeNet), its units and its weights."""
    feed_forward = DenseConfig(hidden_units=8)
    if is_moe:
        feed_forward = MoeConfig(
            hidden_units=6,
            num_experts=3,
            experts_per_frame=1,
            expert_weights="one",
        )
    encoder = {
        "conv_kernel_size": 7,
        "conv_norm": "none" if is_moe else "layer_norm",
        "conv_edges": "after_gate" if is_moe else "before_gate",
        "causal_conv": not is_moe,
        "dynamic_chunk": not is_moe,
        "dropout": 0.2,
        "attention_dropout": 0.15,
        "feed_forward": feed_forward,
        "macaron_feed_forward": feed_forward,
    }
    decoder = DecoderConfig(
        num_blocks=2,
        num_reverse_blocks=0 if is_moe else 1,
        num_heads=1,
        dropout=0.25,
        attention_dropout=0.05,
        feed_forward=dataclasses.replace(feed_forward, activation="silu"),
    )
    config = dataclasses.replace(
        wenets_config(**encoder),
        decoder=decoder,
        ctc_weight=0.3,
        reverse_weight=0.0 if is_moe else 0.4,
        label_smoothing=0.07,
    )
    model = export(config, tmp_path / "out", non_lang_syms=("<noise>",))
    conf = yaml.safe_load((tmp_path / "out" / "train.yaml").read_text())
    # what WeNet varies, and a model of this toolkit does not
    assert conf["encoder_conf"]["positional_dropout_rate"] == 0.2
    assert conf["decoder_conf"]["positional_dropout_rate"] == 0.25
    assert conf["decoder_conf"]["src_attention_dropout_rate"] == 0.05
    assert conf["model_conf"]["length_normalized_loss"] is False
    special = {"<blank>": 0, "<unk>": 1, "<sos>": 2, "<eos>": 2}
    assert conf["tokenizer_conf"]["special_tokens"] == special
    again = read_wenet(tmp_path / "out")
    assert again.model.config == model.config
    assert again.fbank == WENETS
    assert again.tokenizer.units == UNITS
    assert again.tokenizer.config.non_lang_syms == ("<noise>",)
    for name, tensor in model.state_dict().items():
        assert_close(again.model.state_dict()[name], tensor, 2, tensor.abs(), name=name)
