"""Jobs on this machine. test/utils/test_run_pl.py runs them through run.pl."""

from moeasr.jobs import local_jobs
from moeasr.jobs.call_form import JobCall


def test_a_gpu_driver_that_does_not_answer_counts_as_one_gpu(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(local_jobs, "GPU_LIST_SEC", 0.2)
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert local_jobs.max_parallel(JobCall("run.pl", last=4), gpu="1") == 1
    assert "run.pl: Warning: nvidia-smi lists no GPUs" in capsys.readouterr().err
