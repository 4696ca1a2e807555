"""The `gather-fbank` command, which combines the filter banks of parallel jobs."""

import audio_sets
import pytest

from moeasr.bin import gather_fbank


def test_tables_and_settings_are_written_except_those_that_options_exclude(tmp_path, capsys):
    data_dir = audio_sets.prepare(audio_sets.segments(tmp_path), "feats")
    files = ("feats.scp", "utt2num_frames", "utt2dur", "frame_shift", "conf/fbank.yaml")
    before = {name: (data_dir / name).read_text() for name in files}
    assert before["utt2num_frames"] == "u1 60\nu2 83\nu3 100\nu4 55\n"
    assert before["frame_shift"] == "0.01\n"
    for name in files:
        (data_dir / name).unlink()
    scp = str(data_dir.with_suffix(".scp"))
    config = ["--fbank-config", str(tmp_path / "fbank.yaml"), "--no-dur", "--script", "x.sh"]
    gather_fbank.main([*config, str(data_dir), scp])
    assert {name: (data_dir / name).read_text() for name in files if name != "utt2dur"} == {
        name: text for name, text in before.items() if name != "utt2dur"
    }
    assert not (data_dir / "utt2dur").exists()
    said = capsys.readouterr().out
    assert "x.sh: Succeeded creating filterbank features for cut_feats\n" in said
    assert "reading this table runs shell commands, the first one for r2" in said


def test_too_few_utterances_are_refused(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.segments(tmp_path), "feats")
    scp = data_dir.with_suffix(".scp")
    scp.write_text(scp.read_text().splitlines()[0] + "\n")
    config = ["--fbank-config", str(tmp_path / "fbank.yaml")]
    with pytest.raises(SystemExit, match="^gather_fbank: .*at least 95 %"):
        gather_fbank.main([*config, str(data_dir), str(scp)])
