"""Imported models give the outputs of WeNet: `golden/` holds WeNet's models and outputs."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from rounding import FBANK_STEPS, NETWORK_STEPS, assert_close, log_mel_scale
from systems import decoders

from moeasr.errors import InputError
from moeasr.features.fbank import compute_fbank
from moeasr.interop.wenet.export_model import write_wenet
from moeasr.interop.wenet.import_model import read_wenet
from moeasr.models.heads.attention_head import add_sos_eos, reverse_tokens
from moeasr.models.streaming_encoder import StreamingEncoder
from moeasr.nn.mask import make_valid_mask

GOLDEN = Path(__file__).parent / "golden"
CASES = ("u2pp", "u2pp_moe", "top1", "trained", "u2")
CAUSAL = CASES[:4]
EXACT = ("u2pp_moe", "top1")  # sqrt(16) rounds nothing, and there is no batch norm to fold
UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abcdefgh", "\u2581"]
TEXTS = ("abcda", "ef")  # of the audio, in name only


def waves():
    with np.load(GOLDEN / "audio.npz") as arrays:
        return [torch.from_numpy(arrays[name]).float() / 32768 for name in arrays.files]


def expected(case, key, dtype=torch.float64):
    with np.load(GOLDEN / case / "expected.npz") as arrays:
        return torch.from_numpy(arrays[key]).to(dtype)


def assert_valid_close(ours, theirs, lens, dtype=torch.float32):
    """Raise unless both are equal up to rounding at the valid frames or tokens of a batch."""
    valid = make_valid_mask(lens, ours.size(1))
    assert_close(ours[valid], theirs[valid], NETWORK_STEPS, dtype=dtype)


def precision(case):
    """Return the type whose rounding limits the accuracy: that of the imported weights."""
    return torch.float64 if case in EXACT else torch.float32


def by_our_units(case, scores):
    """WeNet's scores in our order of units."""
    names = (GOLDEN / case / "units.txt").read_text().split()[::2]
    return scores[..., [names.index(unit) for unit in UNITS]]


def run(imported, case, dtype):
    """Return all outputs for the golden batch, and the numbers of valid frames and tokens."""
    model = imported.model.to(dtype)
    feats, lens = expected(case, "feats", dtype), expected(case, "feats_lens", torch.int64)
    ids = [imported.tokenizer.encode(text) for text in TEXTS]
    tokens_lens = torch.tensor([len(row) for row in ids])
    tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in ids], True)
    with torch.inference_mode():
        enc, enc_lens, *_ = model.encode(feats, lens)
        found = {"enc": enc, "log_probs": model.ctc_log_probs(enc)}
        for name, decoder, read in (
            ("left", "decoder", tokens),
            ("right", "reverse_decoder", reverse_tokens(tokens, tokens_lens)),
        ):
            decoder = decoders(model).get(decoder)
            if decoder is not None:
                tokens_in, _ = add_sos_eos(read, tokens_lens, 2)
                found[name] = decoder(tokens_in, tokens_lens + 1, enc, enc_lens).logits
    return found, enc_lens, tokens_lens + 1


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_encoder_ctc_and_decoders_equal_wenets(case, dtype):
    """The batch is padded here; WeNet saw each utterance alone."""
    found, enc_lens, tokens_lens = run(read_wenet(GOLDEN / case), case, dtype)
    assert ("right" in found) == (case != "u2")
    for name, ours in found.items():
        theirs = expected(case, f"{name}_{str(dtype).removeprefix('torch.')}", dtype)
        if name != "enc":
            theirs = by_our_units(case, theirs)
        is_encoder = name in ("enc", "log_probs")
        # WeNet's positions of tokens come from a float32 table; those of frames here do, too
        rounded = precision(case) if dtype == torch.float64 and is_encoder else torch.float32
        assert_valid_close(ours, theirs, enc_lens if is_encoder else tokens_lens, rounded)


@pytest.mark.parametrize("case", CASES)
def test_features_equal_wenets(case):
    imported = read_wenet(GOLDEN / case)
    theirs, lens = expected(case, "feats"), expected(case, "feats_lens", torch.int64)
    for wave, their_feats, length in zip(waves(), theirs, lens.tolist(), strict=True):
        ours = compute_fbank(wave, imported.fbank)
        assert ours.shape == (length, 20)
        wanted = their_feats[:length]
        assert_close(ours, wanted, FBANK_STEPS, log_mel_scale(wanted))


@pytest.mark.parametrize("case", CAUSAL)
@pytest.mark.parametrize("num_left", [-1, 1])
def test_chunks_equal_wenets_masked_and_streamed(case, num_left):
    """WeNet's `forward_chunk_by_chunk` equals its masked pass, and our outputs equal both."""
    model = read_wenet(GOLDEN / case).model.double()
    feats, lens = expected(case, "feats"), expected(case, "feats_lens", torch.int64)
    masked = expected(case, f"masked_4_{num_left}_float64")
    streamed = expected(case, f"streamed_4_{num_left}_float64")
    with torch.inference_mode():
        enc, enc_lens, *_ = model.encode(feats, lens, 4, num_left)
    assert_valid_close(enc, masked, enc_lens, precision(case))
    assert_valid_close(enc, streamed, enc_lens, precision(case))

    streaming = StreamingEncoder(model, 4, num_left)
    state, done = streaming.start(2), torch.zeros(2, dtype=torch.int64)
    for first in range(0, feats.size(1), streaming.hop_frames):
        part = feats[:, first : first + streaming.window_frames]
        part_lens = (lens - first).clamp(0, streaming.window_frames)
        output, state = streaming.step(part, part_lens, state)
        for b, new in enumerate(output.enc_lens.tolist()):
            theirs = streamed[b, done[b] : done[b] + new]
            assert_close(output.enc[b, :new], theirs, NETWORK_STEPS, dtype=precision(case))
        done += output.enc_lens
    assert torch.equal(done, enc_lens)


@pytest.mark.parametrize("case", CASES)
def test_a_model_written_and_read_again_says_the_same(case, tmp_path):
    imported = read_wenet(GOLDEN / case)
    before, enc_lens, tokens_lens = run(imported, case, torch.float32)
    write_wenet(tmp_path / "out", imported.model.float(), imported.tokenizer, imported.fbank)
    again = read_wenet(tmp_path / "out")
    assert again.model.config == imported.model.config
    assert again.fbank == imported.fbank
    assert again.tokenizer.state() == imported.tokenizer.state()
    after, _, _ = run(again, case, torch.float32)
    for name in before:
        lens = enc_lens if name in ("enc", "log_probs") else tokens_lens
        assert_valid_close(after[name], before[name], lens)


@pytest.mark.parametrize("case", ["trained", "u2pp_moe", "top1"])
def test_what_is_written_is_what_wenet_wrote(case, tmp_path):
    """Each tensor is compared, and also the tables of positions, which `golden/` omits."""
    imported = read_wenet(GOLDEN / case)
    write_wenet(tmp_path / "out", imported.model, imported.tokenizer, imported.fbank)
    theirs = torch.load(GOLDEN / case / "final.pt", weights_only=True)
    ours = torch.load(tmp_path / "out" / "final.pt", weights_only=True)
    tables = [name for name in ours if name not in theirs]
    assert tables == [
        "encoder.embed.pos_enc.pe",
        "decoder.left_decoder.embed.1.pe",
        "decoder.right_decoder.embed.1.pe",
    ]
    d_model = len(theirs["ctc.ctc_lo.weight"][0])
    places = torch.arange(5000, dtype=torch.float64)[:, None]
    angles = places / 10000 ** (torch.arange(0, d_model, 2, dtype=torch.float64) / d_model)
    sinusoids = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
    for name in tables:  # an angle is rounded relative to its size
        assert_close(ours[name], sinusoids[None], 4, 1 + places, name=name)
    assert not [name for name in theirs if name not in ours]
    in_our_order = case == "trained"  # WeNet's has <sos/eos> last in the other
    for name, tensor in theirs.items():
        by_unit = name.startswith("ctc.") or "embed.0" in name or "output_layer" in name
        if in_our_order or not by_unit:
            # the front end is multiplied by sqrt(D) and divided again: two roundings
            assert_close(ours[name], tensor, 2, tensor.abs(), name=name)
    sums = []  # of one frame: (values and their squares, bins)
    for directory in (tmp_path / "out", GOLDEN / case):
        stats = json.loads((directory / "global_cmvn").read_text())
        totals = torch.tensor([stats["mean_stat"], stats["var_stat"]], dtype=torch.float64)
        sums.append(totals / stats["frame_num"])
    # mean and deviation were rounded to float32 once, and then squared
    assert_close(*sums, 2, sums[1].abs())


def test_one_expert_a_frame_is_weighed_by_one_with_a_warning(tmp_path, caplog):
    """The softmax of a single logit is 1 and has no gradient, in WeNet as here."""
    imported = read_wenet(GOLDEN / "top1")
    assert "top1: `n_expert_activated: 1` gives each selected expert the weight 1" in caplog.text
    assert "and 6 routers no gradient" in caplog.text
    model = imported.model
    feed_forward = model.config.encoder.feed_forward
    assert (feed_forward.experts_per_frame, feed_forward.expert_weights) == (1, "one")
    feats, lens = expected("top1", "feats", torch.float32), torch.tensor([68, 43])
    encoded = model.encode(feats[:, : int(lens.max())], lens)
    encoded.enc.square().sum().backward()
    routers = [layer.router.weight for _, layer in model.moe_layers().items()]
    assert all(weight.grad is None or not weight.grad.any() for weight in routers)
    assert model.encoder.blocks[0].feed_forward.experts.w1.grad.any()
    write_wenet(tmp_path / "out", model, imported.tokenizer, imported.fbank)
    configs = yaml.safe_load((tmp_path / "out" / "train.yaml").read_text())
    assert configs["encoder_conf"]["n_expert_activated"] == 1


def test_both_orders_of_units_give_ours():
    for case in CASES:
        assert read_wenet(GOLDEN / case).tokenizer.units == UNITS


def test_units_go_by_their_ids_in_whatever_order_the_lines_are(tmp_path):
    path = copy_of("u2pp_moe", tmp_path / "m") / "units.txt"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    assert read_wenet(tmp_path / "m").tokenizer.units == UNITS


def copy_of(case, directory, **changes):
    """A golden directory with another train.yaml: dotted keys, with __ for the dots."""
    shutil.copytree(GOLDEN / case, directory)
    configs = yaml.safe_load((directory / "train.yaml").read_text())
    for key, value in changes.items():
        *sections, last = key.split("__")
        node = configs
        for section in sections:
            node = node.setdefault(section, {})
        node[last] = value
    (directory / "train.yaml").write_text(yaml.safe_dump(configs))
    return directory


def change_weights(directory, change):
    """Write a final.pt with changed weights."""
    state = torch.load(directory / "final.pt", weights_only=True)
    change(state)
    torch.save(state, directory / "final.pt")
    return directory


def test_blank_may_be_any_unit(tmp_path):
    """Units with other ids in the file, the settings and the weights give the same model."""
    ids = [4, 0, 1, 2, 3, *range(5, 12)]  # of the units that were 0 to 11, the blank the first
    directory = copy_of("u2pp_moe", tmp_path / "m", ctc_conf__ctc_blank_id=4)
    names = (GOLDEN / "u2pp_moe" / "units.txt").read_text().split()[::2]
    (directory / "units.txt").write_text("".join(f"{n} {i}\n" for n, i in zip(names, ids)))

    def renumber(state):
        for name in state:
            if name.startswith("ctc.") or "embed.0" in name or "output_layer" in name:
                state[name] = state[name][torch.tensor(ids).argsort()]

    change_weights(directory, renumber)
    found, wanted = read_wenet(directory), read_wenet(GOLDEN / "u2pp_moe")
    assert found.tokenizer.units == UNITS
    for name, tensor in wanted.model.state_dict().items():
        assert torch.equal(found.model.state_dict()[name], tensor), name


def test_layers_without_bias_are_those_of_a_bias_of_zero(tmp_path):
    """By WeNet's rule the output of an attention has a bias if its query has one."""
    plain = {"query_bias": False, "value_bias": False, "mlp_bias": False}
    settings = {f"encoder_conf__{name}": value for name, value in plain.items()}
    settings |= {f"decoder_conf__{name}": value for name, value in plain.items()}
    settings |= {f"decoder_conf__src_{name}": False for name in ("query_bias", "value_bias")}
    without = copy_of("u2", tmp_path / "without", encoder_conf__conv_bias=False, **settings)
    zero = copy_of("u2", tmp_path / "zero")
    layers = r"linear_(q|v|out)|w_[12]|pointwise_conv[12]|depthwise_conv"

    def biases(state):
        return [name for name in state if re.search(rf"\.({layers})\.bias$", name)]

    change_weights(without, lambda state: [state.pop(name) for name in biases(state)])
    change_weights(zero, lambda state: [state[name].zero_() for name in biases(state)])
    wanted = read_wenet(zero).model.state_dict()
    for name, tensor in read_wenet(without).model.state_dict().items():
        assert torch.equal(tensor, wanted[name]), name


def test_a_batch_norm_is_folded_with_its_own_epsilon(tmp_path):
    directory = copy_of("u2", tmp_path / "m", encoder_conf__conv_norm_eps=0.25)
    state = torch.load(directory / "final.pt", weights_only=True)
    conv = "encoder.encoders.0.conv_module"
    gain, var = (state[f"{conv}.norm.{name}"].double() for name in ("weight", "running_var"))
    wanted = (
        state[f"{conv}.depthwise_conv.weight"].double()
        * (gain / (var + 0.25).sqrt())[:, None, None]
    )
    found = read_wenet(directory).model.encoder.blocks[0].convolution.depthwise.weight
    assert_close(found, wanted, 1, wanted.abs())


def test_a_bin_that_never_changes_has_wenets_least_deviation(tmp_path):
    """Its variance is 0; a file that counts no frames has none at all."""
    directory = copy_of("u2pp", tmp_path / "m", cmvn_conf__cmvn_file="data/train/stats.json")
    (directory / "global_cmvn").unlink()
    change_weights(
        directory,
        lambda state: [state.pop(f"encoder.global_cmvn.{name}") for name in ("mean", "istd")],
    )
    stats = {"mean_stat": [8.0] * 20, "var_stat": [16.0] + [20.0] * 19, "frame_num": 4}
    (directory / "stats.json").write_text(json.dumps(stats))
    cmvn = read_wenet(directory).model.cmvn
    assert cmvn.mean.tolist() == [2.0] * 20
    assert cmvn.istd.tolist() == [pytest.approx(1e10), *[1.0] * 19]
    (directory / "stats.json").write_text(json.dumps(stats | {"frame_num": 0}))
    with pytest.raises(InputError, match=r"m/stats\.json contains statistics of 0 frames"):
        read_wenet(directory)


def test_cmvn_comes_from_its_file_where_the_weights_lack_it(tmp_path):
    directory = copy_of("u2pp", tmp_path / "m")
    wanted = read_wenet(directory).model.cmvn
    (directory / "global_cmvn").unlink()
    assert torch.equal(read_wenet(directory).model.cmvn.mean, wanted.mean)

    def drop(state):
        for name in ("mean", "istd"):
            del state[f"encoder.global_cmvn.{name}"]

    change_weights(directory, drop)
    with pytest.raises(Exception, match=r"m/global_cmvn does not exist"):
        read_wenet(directory)
    stats = json.loads((GOLDEN / "u2pp" / "global_cmvn").read_text())
    (directory / "global_cmvn").write_text(json.dumps(stats))
    found = read_wenet(directory).model.cmvn
    # sums in float64 on both sides, rounded to float32 once
    assert_close(found.mean, wanted.mean, 1, wanted.mean.abs())
    assert_close(found.istd, wanted.istd, 1, wanted.istd.abs())


def test_tables_and_unused_layers_in_the_weights_change_nothing(tmp_path):
    directory = copy_of("u2pp", tmp_path / "m", encoder_conf__final_norm=False)
    of_older_versions = {
        "encoder.embed.pos_enc.pe": torch.zeros(1, 50, 8),
        "encoder.encoders.0.concat_linear.weight": torch.ones(8, 16),
        "decoder.left_decoder.decoders.0.concat_linear2.bias": torch.ones(8),
    }
    change_weights(directory, lambda state: state.update(of_older_versions))
    assert read_wenet(directory).model.encoder.norm is None


def test_a_second_decoder_without_blocks_is_left_out(tmp_path):
    """WeNet builds this decoder nevertheless, so its weights are in the file."""
    settings = {"decoder_conf__r_num_blocks": 0, "model_conf__reverse_weight": 0.0}
    model = read_wenet(copy_of("u2pp", tmp_path / "m", **settings)).model
    wanted = read_wenet(GOLDEN / "u2pp").model.state_dict()
    kept = [name for name in wanted if not name.startswith("reverse_decoder")]
    assert list(model.state_dict()) == kept and len(kept) < len(wanted)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, wanted[name]), name


def test_tied_embeddings_are_what_decoders_project_by(tmp_path):
    directory = copy_of("u2pp", tmp_path / "m", decoder_conf__tie_word_embedding=True)
    model = read_wenet(directory).model
    for decoder in (model.decoder, model.reverse_decoder):
        assert torch.equal(decoder.project.weight, decoder.embedding.weight)


def test_no_cmvn_is_none(tmp_path):
    directory = copy_of("u2pp", tmp_path / "m", cmvn=None)
    state = torch.load(directory / "final.pt", weights_only=True)
    kept = {name: t for name, t in state.items() if "global_cmvn" not in name}
    torch.save(kept, directory / "final.pt")
    cmvn = read_wenet(directory).model.cmvn
    assert not cmvn.mean.any() and bool((cmvn.istd == 1).all())
