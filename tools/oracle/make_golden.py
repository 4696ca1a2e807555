"""Make `golden/`: small models that WeNet built and trained, and WeNet's outputs with them.

    V/bin/python tools/oracle/make_golden.py --wenet D      # V and D: see wenet_oracle.py

The five cases cover every kind of module:

    u2pp       dense U2++: causal, layer norm, two relu decoders; random weights
    u2pp_moe   the same with experts everywhere; random weights, WeNet 3's order of units
    top1       u2pp_moe with one expert a frame
    trained    u2pp_moe after some training
    u2         batch norm, not causal, one decoder, no bias in keys, swish; after some training
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import yaml
from wenet_oracle import build, features, find_wenet, in_float64, outputs

GOLDEN = Path(__file__).resolve().parents[2] / "test/interop/golden"
LETTERS = list("abcdefgh\u2581")
SECONDS = (0.7, 0.45)
TEXTS = ("abcda", "ef")  # of the audio, in name only
CHUNKS = ((4, -1), (4, 1))
MOE = {"mlp_type": "moe", "n_expert": 3, "n_expert_activated": 2, "linear_units": 6}
STREAMING = {"causal": True, "use_dynamic_chunk": True, "cnn_module_norm": "layer_norm"}
# Of a width of 16 the root is exact, so that nothing is rounded on the way in.
CASES = {
    "u2pp": {"encoder": STREAMING, "decoder": {"r_num_blocks": 1}},
    "u2pp_moe": {
        "width": 16,
        "encoder": {**STREAMING, **MOE},
        "decoder": {"r_num_blocks": 1, **MOE},
    },
    "top1": {
        "width": 16,
        "encoder": {**STREAMING, **MOE, "n_expert_activated": 1},
        "decoder": {"r_num_blocks": 1, **MOE, "n_expert_activated": 1},
    },
    "trained": {
        "encoder": {**STREAMING, **MOE},
        "decoder": {"r_num_blocks": 1, **MOE},
        "num_steps": 200,
        "sos_eos_is_last": False,
    },
    "u2": {
        "encoder": {"key_bias": False},
        "decoder": {"activation_type": "swish", "key_bias": False, "src_key_bias": False},
        "num_steps": 200,
    },
}


def configs_of(width=8, encoder=None, decoder=None, num_steps=0, sos_eos_is_last=True):
    """Return the content of a train.yaml."""
    is_bidirectional = "r_num_blocks" in decoder
    vocab_size = len(LETTERS) + 3
    sos_eos = vocab_size - 1 if sos_eos_is_last else 2
    return {
        "encoder": "conformer",
        "encoder_conf": {
            **{"output_size": width, "attention_heads": 2, "linear_units": 12, "num_blocks": 2},
            **{"cnn_module_kernel": 5, "input_layer": "conv2d", "activation_type": "swish"},
            **{"pos_enc_layer_type": "rel_pos", "selfattention_layer_type": "rel_selfattn"},
            **encoder,
        },
        "decoder": "bitransformer" if is_bidirectional else "transformer",
        "decoder_conf": {
            **{"attention_heads": 2, "linear_units": 12, "num_blocks": 1},
            **decoder,
        },
        "tokenizer": "char",
        "tokenizer_conf": {
            "symbol_table_path": "data/dict/units.txt",
            "split_with_space": False,
            "bpe_path": None,
            "non_lang_syms_path": None,
            "special_tokens": {"<blank>": 0, "<unk>": 1, "<sos>": sos_eos, "<eos>": sos_eos},
        },
        "ctc": "ctc",
        "ctc_conf": {"ctc_blank_id": 0},
        "cmvn": "global_cmvn",
        "cmvn_conf": {"cmvn_file": "data/train/global_cmvn", "is_json_cmvn": True},
        "model": "asr_model",
        "model_conf": {
            **{"ctc_weight": 0.3, "lsm_weight": 0.1, "length_normalized_loss": False},
            **({"reverse_weight": 0.3} if is_bidirectional else {}),
        },
        "dataset": "asr",
        "dataset_conf": {
            "resample_conf": {"resample_rate": 16000},
            "speed_perturb": True,
            "fbank_conf": {
                **{"num_mel_bins": 20, "frame_shift": 10, "frame_length": 25},
                "dither": 1.0,
            },
            "batch_conf": {"batch_type": "static", "batch_size": 16},
        },
        "grad_clip": 5,
        "optim": "adam",
        "optim_conf": {"lr": 0.001},
        "input_dim": 20,
        "output_dim": vocab_size,
        "vocab_size": vocab_size,
    }


def units_of(configs):
    """Return the symbols in the order of their ids."""
    last = configs["tokenizer_conf"]["special_tokens"]["<sos>"] != 2
    specials = ["<blank>", "<unk>"]
    return [*specials, *LETTERS, "<sos/eos>"] if last else [*specials, "<sos/eos>", *LETTERS]


def make_audio(generator):
    """Return two utterances of gliding tones in noise, as 16-bit samples."""
    waves = []
    for seconds, pitch in zip(SECONDS, (180.0, 320.0)):
        time = torch.arange(int(16000 * seconds), dtype=torch.float64) / 16000
        phase = 2 * torch.pi * (pitch * time + 150 * time**2)
        wave = sum(torch.sin(n * phase) / n for n in range(1, 12)) * (0.6 + torch.sin(9 * time))
        wave = wave + 0.05 * torch.randn(len(time), generator=generator, dtype=torch.float64)
        waves.append((wave / wave.abs().max() * 20000).to(torch.int16))
    return waves


def tokens_of(units):
    """Return the token ids of the texts, padded with -1 as in WeNet, and their lengths."""
    rows = [torch.tensor([units.index(letter) for letter in text]) for text in TEXTS]
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)
    return padded, torch.tensor([len(row) for row in rows])


def train(model, feats, tokens, tokens_lens, num_steps):
    """Train for some steps with WeNet's loss on noisy copies of the features."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    model.train()
    for _ in range(num_steps):
        batch = {
            "feats": torch.stack([f[:42] for f in feats]) + 0.5 * torch.randn(2, 42, 20),
            "feats_lengths": torch.tensor([42, 42]),
            "target": tokens,
            "target_lengths": tokens_lens,
            "langs": [],
            "tasks": [],
        }
        optimizer.zero_grad()
        loss = model(batch, torch.device("cpu"))["loss"]
        loss.backward()
        optimizer.step()
    model.eval()
    return float(loss.detach())


def make_case(name, settings, waves):
    """Write one directory of `golden/`."""
    directory = GOLDEN / name
    directory.mkdir(parents=True, exist_ok=True)
    configs = configs_of(**settings)
    (directory / "train.yaml").write_text(yaml.safe_dump(configs))
    lines = [f"{unit} {i}\n" for i, unit in enumerate(units_of(configs))]
    (directory / "units.txt").write_text("".join(lines))
    fbank_conf = configs["dataset_conf"]["fbank_conf"]
    feats = [features(wave.float() / 32768, fbank_conf) for wave in waves]
    frames = torch.cat(feats).double()
    cmvn = {
        "mean_stat": frames.sum(0).tolist(),
        "var_stat": frames.square().sum(0).tolist(),
        "frame_num": len(frames),
    }
    (directory / "global_cmvn").write_text(json.dumps(cmvn))

    torch.manual_seed(sum(map(ord, name)))
    configs["cmvn_conf"]["cmvn_file"] = str(directory / "global_cmvn")
    model = build(configs)
    target = tokens_of(units_of(configs))
    if settings.get("num_steps"):
        print(f"{name}: loss {train(model, feats, *target, settings['num_steps']):.2f}")
    state = {k: v for k, v in model.state_dict().items() if not k.endswith(".pe")}
    torch.save(state, directory / "final.pt")

    batch = torch.nn.utils.rnn.pad_sequence(feats, batch_first=True)
    lens = torch.tensor([len(f) for f in feats])
    chunks = CHUNKS if configs["encoder_conf"].get("causal") else ()
    arrays = {"feats": batch, "feats_lens": lens}
    single = outputs(model, batch, lens, *target)
    with in_float64(model):
        double = outputs(model, batch.double(), lens, *target, chunks)
    arrays |= {f"{key}_float32": value for key, value in single.items()}
    arrays |= {f"{key}_float64": value for key, value in double.items()}
    np.savez_compressed(directory / "expected.npz", **{k: v.numpy() for k, v in arrays.items()})


def main():
    """Make all requested cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wenet", required=True, help="checkout of WeNet")
    parser.add_argument("--cases", nargs="+", default=list(CASES), help="cases (default: all)")
    args = parser.parse_args()
    find_wenet(args.wenet)
    torch.set_num_threads(1)
    waves = make_audio(torch.Generator().manual_seed(1))
    GOLDEN.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN / "audio.npz", *[wave.numpy() for wave in waves])
    for name in args.cases:
        make_case(name, CASES[name], waves)


if __name__ == "__main__":
    main()
