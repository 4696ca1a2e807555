"""The `make-shards` command (for the content of shards, see the tests of their readers)."""

import audio_sets
import pytest


def test_a_failed_run_leaves_no_index_of_missing_shards(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.whole_files(tmp_path), "shard")
    assert (data_dir / "shards.scp").is_file()
    (tmp_path / "audio files" / "a.wav").unlink()
    with pytest.raises(SystemExit, match="at least 95 % must"):
        audio_sets.make_shards_of(data_dir)
    assert not (data_dir / "shards.scp").exists()
