"""The rows of a benchmark, and what each config is compared with."""

import pytest
from systems import CTC_ONLY, encoder

from moeasr.models.config import ModelConfig
from moeasr.report.benchmark import Subject, Workload, benchmark
from moeasr.train.config import OptimConfig

WHOLE = {"causal_conv": False, "dynamic_chunk": False}


def test_every_config_is_compared_with_the_first_in_fp32():
    """Streams with those of the first config that can be streamed."""
    configs = {
        name: Subject(ModelConfig(encoder=encoder(**settings), **CTC_ONLY), OptimConfig())
        for name, settings in [("whole", WHOLE), ("first", {}), ("second", {"num_blocks": 1})]
    }
    workload = Workload(
        precisions=("int8", "fp32"), utterance_sec=0.5, vocab_size=9, train_utts=2, num_rounds=1
    )
    rows = {
        (row["config"], row["what"], row["precision"]): row
        for row in benchmark(configs, workload)["rows"]
    }
    kinds = [("whole", "full"), *((c, w) for c in ("first", "second") for w in ("full", "stream"))]
    assert rows.keys() == {
        *((*kind, precision) for kind in kinds for precision in workload.precisions),
        *((name, "train", precision) for name in configs for precision in ("fp32", "bf16")),
    }
    for (_, what, _), row in rows.items():
        first = rows["first" if what == "stream" else "whole", what, "fp32"]
        # in one round the ratio is that of the two times
        if what == "train":
            ratio = row["frames_per_sec"] / first["frames_per_sec"]
        else:
            ratio = first["rtf"] / row["rtf"]
        assert list(row["speed"].values()) == pytest.approx([ratio] * 3, rel=1e-12)
        assert row.get("of_limit", 1.0) > 0
