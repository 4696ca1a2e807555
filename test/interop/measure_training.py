"""How fast a training step is, beside WeNet's on a model of the same shape.

    V/bin/python test/interop/measure_training.py --wenet D

V and D: see wenet_oracle.py. Forward, losses, backward, clipping and Adam on random speech, float32
and under bfloat16 autocast, in alternating rounds of one process; untrained weights, full context.
The models need 10 GB at the usual size (12 blocks, 8 experts, two decoders of 3 blocks).
"""

import argparse
from types import SimpleNamespace

import torch
from torch import nn
from wenet_oracle import build, find_wenet

from moeasr.models.build import build_model
from moeasr.models.config import DecoderConfig, EncoderConfig, FeedForwardConfig, ModelConfig
from moeasr.report.speed import time_candidates, training_step
from moeasr.train.config import OptimConfig
from moeasr.train.optim import build_optimizer

VOCAB, D_MODEL, HEADS, NUM_EXPERTS, K = 4233, 256, 4, 8, 2


def their_model(num_blocks, hidden_units):
    shared = {"attention_heads": HEADS, "linear_units": hidden_units, "mlp_type": "moe"}
    shared |= {"n_expert": NUM_EXPERTS, "n_expert_activated": K}
    encoder = {"output_size": D_MODEL, "num_blocks": num_blocks, "input_layer": "conv2d"}
    encoder |= {"cnn_module_kernel": 8, "causal": True, "cnn_module_norm": "layer_norm"}
    encoder |= {"activation_type": "swish", "pos_enc_layer_type": "rel_pos"}
    encoder |= {"selfattention_layer_type": "rel_selfattn"}
    return build(
        {
            "encoder": "conformer",
            "encoder_conf": {**shared, **encoder},
            "decoder": "bitransformer",
            "decoder_conf": {**shared, "num_blocks": 3, "r_num_blocks": 3},
            **{"ctc": "ctc", "ctc_conf": {"ctc_blank_id": 0}, "model": "asr_model"},
            "model_conf": {"ctc_weight": 0.3, "lsm_weight": 0.1, "reverse_weight": 0.3},
            "tokenizer_conf": {"special_tokens": {"<sos>": 2, "<eos>": 2}},
            **{"cmvn": None, "input_dim": 80, "output_dim": VOCAB, "vocab_size": VOCAB},
        }
    )


def our_model(num_blocks, hidden_units):
    experts = FeedForwardConfig(
        type="moe", hidden_units=hidden_units, num_experts=NUM_EXPERTS, experts_per_frame=K
    )
    encoder = EncoderConfig(
        num_blocks=num_blocks,
        d_model=D_MODEL,
        num_heads=HEADS,
        conv_kernel_size=8,
        dynamic_chunk=False,
        feed_forward=experts,
        macaron_feed_forward=experts,
    )
    decoder = DecoderConfig(
        num_blocks=3, num_reverse_blocks=3, num_heads=HEADS, feed_forward=experts
    )
    return build_model(ModelConfig(encoder=encoder, decoder=decoder), 80, VOCAB)


class Theirs(nn.Module):
    """WeNet's model, called like ours."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, feats, lens, tokens, tokens_lens):
        """Its losses."""
        batch = {"feats": feats, "feats_lengths": lens}
        batch |= {"target": tokens, "target_lengths": tokens_lens, "langs": None, "tasks": None}
        return SimpleNamespace(**self.model(batch, feats.device))


def main():
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--wenet", required=True, help="checkout of WeNet")
    add("--num-blocks", type=int, default=12)
    add("--hidden-units", type=int, default=2048)
    add("--num-utts", type=int, default=4)
    add("--utterance-sec", type=float, default=7.5)
    add("--num-tokens", type=int, default=30)
    add("--num-rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    find_wenet(args.wenet)
    num_frames = round(args.utterance_sec * 100)
    feats = torch.randn(args.num_utts, num_frames, 80)
    lens = torch.full((args.num_utts,), num_frames)
    tokens = torch.randint(3, VOCAB, (args.num_utts, args.num_tokens))
    tokens_lens = torch.full((args.num_utts,), args.num_tokens)
    batch = (feats, lens, tokens, tokens_lens)

    size = (args.num_blocks, args.hidden_units)
    models = {"WeNet": Theirs(their_model(*size)), "ours": our_model(*size)}
    optimizers = {
        "WeNet": torch.optim.Adam(models["WeNet"].parameters(), lr=1e-5),
        "ours": build_optimizer(models["ours"], OptimConfig(lr=1e-5)),
    }
    for name, model in models.items():
        print(f"{name}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters")
    for in_bf16 in (False, True):
        work = {n: training_step(m, optimizers[n], batch, in_bf16) for n, m in models.items()}
        timings = time_candidates(work, args.num_rounds)
        median, least, largest = timings.ratio("ours", "WeNet")
        print(
            f"{'bfloat16' if in_bf16 else 'float32'}: WeNet {timings.median_sec('WeNet'):.2f} s,"
            f" ours {timings.median_sec('ours'):.2f} s: {median:.2f} [{least:.2f}, {largest:.2f}]"
            " times as fast",
            flush=True,
        )


if __name__ == "__main__":
    main()
