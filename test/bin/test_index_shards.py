"""The `index-shards` command, which creates a data directory for shards of other toolkits."""

import io
import tarfile

import audio_sets
import pytest

from moeasr.bin import index_shards


@pytest.fixture
def folder(tmp_path):
    """Create a list of two shards with one utterance each."""
    sound = audio_sets.write_audio(tmp_path / "s.wav", 0.5).read_bytes()
    for number, utt in enumerate(("b", "a")):
        with tarfile.open(tmp_path / f"{number}.tar", "w") as shard:
            for name, content in {f"{utt}.txt": utt.upper().encode(), f"{utt}.wav": sound}.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                shard.addfile(member, io.BytesIO(content))
    (tmp_path / "data.list").write_text(f"{tmp_path}/0.tar\n {tmp_path}/1.tar \n\n")
    (tmp_path / "fbank.yaml").write_text("num_mel_bins: 20\n")
    return tmp_path


@pytest.mark.parametrize("nj", ["1", "2"])
def test_tables_have_the_transcripts_and_lengths_of_the_shards(folder, nj):
    options = ["--nj", nj, "--fbank-config", str(folder / "fbank.yaml")]
    index_shards.main([*options, str(folder / "d"), str(folder / "data.list")])
    assert (folder / "d/text").read_text() == "a A\nb B\n"
    assert (folder / "d/utt2spk").read_text() == "a a\nb b\n"
    assert (folder / "d/utt2num_frames").read_text() == "a 50\nb 50\n"
    assert (folder / "d/utt2dur").read_text() == "a 0.5\nb 0.5\n"
    paths = [line.rsplit(" ", 1)[1] for line in (folder / "d/shards.scp").read_text().splitlines()]
    assert paths == [f"{folder}/1.tar", f"{folder}/0.tar"]


def test_a_missing_shard_is_named_and_nothing_is_written(folder):
    (folder / "1.tar").unlink()
    options = ["--nj", "1", "--fbank-config", str(folder / "fbank.yaml")]
    with pytest.raises(SystemExit, match=f"^index_shards: shard {folder}/1.tar"):
        index_shards.main([*options, str(folder / "d"), str(folder / "data.list")])
    assert not (folder / "d").exists()
