"""The records of `metrics.jsonl`, whatever a crash left of it."""

import pytest

from moeasr.metrics_file import drop_after, read_metrics

GOOD = b'{"kind": "train", "step": 1, "loss": 2.0}\n'


def test_the_records_of_a_kind_are_in_the_order_of_steps_and_the_last_of_a_step_counts(tmp_path):
    lines = [
        '{"kind": "dev", "step": 9, "loss": 3.0}',
        '{"kind": "train", "step": 9, "loss": 4.0}',
        '{"kind": "dev", "step": 5, "loss": 5.0}',
        '{"kind": "dev", "step": 9, "loss": 2.5}',
        '{"kind": "dev", "st',
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert [(r["step"], r["loss"]) for r in read_metrics(tmp_path, "dev")] == [(5, 5.0), (9, 2.5)]
    assert read_metrics(tmp_path / "absent", "dev") == []


@pytest.mark.parametrize(
    "damage",
    [
        b"\x00\x01\xff\xfe binary \x80\n",
        b"\x00" * 4096,
        b"[1, 2]\n7\nnull\n",
        b'{"kind": "train", "step": "two"}\n',
        b'{"kind": "train", "step": null}\n{"kind": "train"}\n',
        b'{"step": ' + b"1" * 5000 + b"}\n",
        b"[" * 100_000 + b"\n",
        b"\n\n",
        b'{"kind": "train", "step": 2}',  # the end of the line was lost, and maybe more
    ],
)
def test_a_damaged_file_keeps_its_good_lines(tmp_path, damage, caplog):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(GOOD + damage)
    drop_after(path, 2)
    assert path.read_bytes() == GOOD
    assert "metrics.jsonl: damaged lines dropped" in caplog.text


def test_later_steps_are_dropped_without_a_warning(tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(GOOD + b'{"kind": "train", "step": 5}\n')
    drop_after(path, 4)
    assert path.read_bytes() == GOOD and not caplog.records
    drop_after(tmp_path / "absent", 4)
