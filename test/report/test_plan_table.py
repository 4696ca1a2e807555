"""The plan of a training as text."""

from moeasr.report.plan_table import plan_lines

STATES = {"weights": 4e9, "gradients": 4e9}
PLAN = {
    "parameters": 1_000_000_000,
    "precision": "bf16",
    "batch": {"kind": "longest", "num_utts": 5, "num_frames": 3000, "num_tokens": 360},
    "memory_per_gpu": {
        "replicate": {**STATES, "activations": 9e9, "sum": 17e9},
        "shard": {"weights": 1e9, "activations": 9e9, "gathered units": 5e8, "sum": 10.5e9},
    },
    "copy_in_host_memory_per_gpu": {"shard": 1.5e9},
    "whole_model_in_host_memory_of_process_0": {"shard": 4e9},
    "sent_per_gpu_and_step": {"replicate": 6e9, "shard": 9e9},
    "steps_per_epoch": 1000,
    "steps": 40_000,
    "epochs": 40,
    "throughput": 500.0,
    "hours_per_epoch": 5.0,
    "hours": 200.0,
    "files": {"epoch_N.pt": 4e9, "last.pt": 12e9, "sum": 1e11, "num_epochs": 21},
    "workload": {"num_gpus": 4, "hours": 10_000, "frames_per_sec": 100.0},
}


def cells(lines, name):
    (line,) = [line for line in lines if line.startswith(name)]
    return line.removeprefix(name).split()


def test_every_size_has_a_line_with_both_kinds():
    lines = plan_lines(PLAN, gpu_memory_gb=16)
    assert lines[0] == "1,000.0 M parameters, bf16, 4 GPUs, 10000 h of audio per epoch"
    assert "5 utterances of 30 s (longest utterances)" in lines[1]
    assert cells(lines, "weights") == ["4.00", "1.00"]
    assert cells(lines, "gradients") == ["4.00", "-"]
    assert cells(lines, "gathered units") == ["-", "0.50"]
    assert cells(lines, "sum") == ["17.00", "10.50"]
    assert cells(lines, "fits in 16 GB") == ["no", "yes"]
    assert cells(lines, "host memory to save") == ["-", "1.50"]
    assert cells(lines, "... more in process 0") == ["-", "4.00"]
    assert cells(lines, "sent per step") == ["6.00", "9.00"]
    text = "\n".join(lines)
    assert "steps: 1,000 per epoch, 40,000 in 40 epochs" in text
    assert "5.00 h per epoch, 200.0 h in all, at 500 s of audio per second and GPU" in text
    assert "4.00 GB per epoch, last.pt 12.00 GB, all files at most 100.00 GB" in text
    assert "GB (with 21 epochs)" in text


def test_bfloat16_has_a_note_about_cpus():
    note = "A training in bf16 on a CPU needs further memory for products in bfloat16."
    assert plan_lines(PLAN)[-1] == note
    assert note not in plan_lines({**PLAN, "precision": "fp32"})


def test_without_a_speed_or_a_memory_nothing_is_said_about_them():
    lines = plan_lines({**PLAN, "throughput": None})
    assert "time: unknown; give --throughput or --tflops" in lines
    assert not any(line.startswith("fits") for line in lines)
