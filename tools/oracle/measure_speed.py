"""Compare the speed of recognition and training with WeNet on models of the same shape.

    V/bin/python tools/oracle/measure_speed.py --wenet D

For V and D see wenet_oracle.py. The script uses random speech, untrained weights, one thread, and
alternating rounds in one process; pin it to a core. Encoders with CTC process whole utterances, and
chunks of 16 frames with 4 left chunks: WeNet's MoE and dense models, and those of moeasr in every
precision. A training step consists of forward, losses, backward, clipping and the same AdamW for
both, in float32 and with bfloat16 autocast. The default sizes need 12 GB of memory.
"""

import argparse
import functools
from types import SimpleNamespace

import torch
from torch import nn
from wenet_oracle import build, find_wenet

from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.inference import optimize_for_inference
from moeasr.moe.layer import MoeConfig
from moeasr.nn.packed_linear import PRECISIONS
from moeasr.report.timing import full_pass, streaming_pass, time_candidates, training_step
from moeasr.train.config import OptimConfig
from moeasr.train.optim import build_optimizer

VOCAB, D_MODEL, HEADS, NUM_EXPERTS, K = 4233, 256, 4, 8, 2


def their_model(num_blocks, hidden_units, is_moe=True):
    shared = {"attention_heads": HEADS, "linear_units": hidden_units}
    if is_moe:
        shared |= {"mlp_type": "moe", "n_expert": NUM_EXPERTS, "n_expert_activated": K}
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
    experts = MoeConfig(hidden_units=hidden_units, num_experts=NUM_EXPERTS, experts_per_frame=K)
    encoder = ConformerConfig(
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


def compare_encoders(size, seconds, num_rounds):
    feats = torch.randn(1, round(seconds * 100), 80)
    lens = torch.tensor([feats.size(1)])
    whole, chunks = {}, {}
    for name, is_moe in (("WeNet dense", False), ("WeNet MoE", True)):
        model = their_model(*size, is_moe).eval()
        encoder = model.encoder
        encoder.use_dynamic_chunk = True  # may stream; in training it would draw chunk sizes
        whole[name] = with_ctc(model, functools.partial(encoder, feats, lens, -1, -1))
        in_chunks = functools.partial(encoder.forward_chunk_by_chunk, feats, 16, 4)
        chunks[name] = with_ctc(model, in_chunks)
    for precision in PRECISIONS:
        model = optimize_for_inference(our_model(*size).eval(), precision)
        whole[f"ours MoE {precision}"] = full_pass(model, feats)
        chunks[f"ours MoE {precision}"] = streaming_pass(model, feats, 16, 4)
    for kind, candidates in (("whole", whole), ("chunks", chunks)):
        with torch.inference_mode():
            timings = time_candidates(candidates, num_rounds)
        for name in candidates:
            to_moe, to_dense = (timings.ratio(name, f"WeNet {k}") for k in ("MoE", "dense"))
            print(
                f"{kind:6} {name:13} RTF {timings.median_sec(name) / seconds:.4f}, times as fast "
                f"as WeNet's MoE {shown(to_moe)}, its dense {shown(to_dense)}",
                flush=True,
            )


def with_ctc(model, encode):
    """Return a function that also computes the log-probabilities of CTC, as our passes do."""
    return lambda: model.ctc.log_softmax(encode()[0])


def shown(ratio):
    return f"{ratio.median:.2f} [{ratio.least:.2f}, {ratio.largest:.2f}]"


class Theirs(nn.Module):
    """A model of WeNet with the interface of moeasr's models."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, feats, lens, tokens, tokens_lens):
        """Return the losses of WeNet's model."""
        batch = {"feats": feats, "feats_lengths": lens}
        batch |= {"target": tokens, "target_lengths": tokens_lens, "langs": None, "tasks": None}
        return SimpleNamespace(**self.model(batch, feats.device))


def compare_training(size, batch, num_rounds):
    models = {"WeNet": Theirs(their_model(*size)), "ours": our_model(*size)}
    optimizers = {n: build_optimizer(m, OptimConfig(lr=1e-5)) for n, m in models.items()}
    for name, model in models.items():
        print(f"{name}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters")
    for in_bf16 in (False, True):
        work = {n: training_step(m, optimizers[n], batch, in_bf16) for n, m in models.items()}
        timings = time_candidates(work, num_rounds)
        print(
            f"step in {'bfloat16' if in_bf16 else 'float32'}: WeNet "
            f"{timings.median_sec('WeNet'):.2f} s, ours {timings.median_sec('ours'):.2f} s, "
            f"{shown(timings.ratio('ours', 'WeNet'))} times as fast",
            flush=True,
        )


def main():
    """Measure and print the speeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--wenet", required=True, help="checkout of WeNet")
    add("--num-blocks", type=int, default=12)
    add("--hidden-units", type=int, default=2048)
    add("--seconds", type=float, default=10.0, help="duration of the utterance to encode")
    add("--train-utts", type=int, default=4, help="utterances in a training step; 0 skips it")
    add("--train-seconds", type=float, default=7.5, help="duration of a training utterance")
    add("--num-tokens", type=int, default=30, help="number of tokens in a training utterance")
    add("--num-rounds", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    find_wenet(args.wenet)
    size = (args.num_blocks, args.hidden_units)
    compare_encoders(size, args.seconds, args.num_rounds)
    if not args.train_utts:
        return
    num_frames = round(args.train_seconds * 100)
    feats = torch.randn(args.train_utts, num_frames, 80)
    lens = torch.full((args.train_utts,), num_frames)
    tokens = torch.randint(3, VOCAB, (args.train_utts, args.num_tokens))
    tokens_lens = torch.full((args.train_utts,), args.num_tokens)
    compare_training(size, (feats, lens, tokens, tokens_lens), args.num_rounds)


if __name__ == "__main__":
    main()
