"""Feature archives: our writer and reader against kaldiio, and broken archives."""

import math
import multiprocessing
import os
import pickle
import struct
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import torch
from limited_files import files_of_at_most

from moeasr.errors import InputError
from moeasr.features.archive import FeatureReader, open_archive


def features(num_frames: int = 7) -> torch.Tensor:
    return torch.randn(num_frames, 5, generator=torch.Generator().manual_seed(num_frames))


def write(folder: Path, compress: bool = False) -> dict[str, str]:
    """Write three utterances, and return their scp as a mapping."""
    with open_archive(folder / "x.ark", folder / "x.scp", compress) as archive:
        for utt_id, num_frames in (("a", 7), ("b\u00e4", 1), ("c", 100)):
            archive.write(utt_id, features(num_frames))
    return dict(line.split(" ", 1) for line in (folder / "x.scp").read_text().splitlines())


def test_what_is_written_is_read_exactly_by_us_and_by_kaldiio(tmp_path: Path) -> None:
    entries = write(tmp_path)
    assert list(entries) == ["a", "b\u00e4", "c"]
    assert entries["a"] == f"{tmp_path}/x.ark:2"
    reader = FeatureReader()
    for utt_id, num_frames in (("c", 100), ("a", 7), ("b\u00e4", 1)):
        assert torch.equal(reader.read(entries[utt_id], utt_id), features(num_frames))
        assert reader.shape(entries[utt_id], utt_id)[0] == num_frames
        np.testing.assert_array_equal(kaldiio.load_mat(entries[utt_id]), features(num_frames))


@pytest.mark.parametrize("method", [1, 2, 3, 4, 5, 6, 7])
def test_kaldis_compressed_archives_are_read(tmp_path: Path, method: int) -> None:
    ark, scp = str(tmp_path / "c.ark"), str(tmp_path / "c.scp")
    matrices = {"a": features(20).numpy(), "b": features(9).numpy()}
    kaldiio.save_ark(ark, matrices, scp=scp, compression_method=method)
    reader = FeatureReader()
    for line in Path(scp).read_text().splitlines():
        utt_id, entry = line.split()
        feats = reader.read(entry, utt_id)
        assert feats.dtype == torch.float32
        np.testing.assert_array_equal(feats.numpy(), kaldiio.load_mat(entry))
        assert reader.shape(entry, utt_id)[0] == len(feats)


def test_our_compression_is_small_and_close(tmp_path: Path) -> None:
    entries = write(tmp_path, compress=True)
    feats = FeatureReader().read(entries["c"], "c")
    torch.testing.assert_close(feats, features(100), atol=0.1, rtol=0)
    assert not torch.equal(feats, features(100))
    assert (tmp_path / "x.ark").stat().st_size < 1000 < 108 * 5 * 4


def test_double_precision_and_single_matrix_files_are_read(tmp_path: Path) -> None:
    kaldiio.save_ark(str(tmp_path / "d.ark"), {"a": features().double().numpy()})
    kaldiio.save_mat(str(tmp_path / "one.mat"), features().numpy())
    reader = FeatureReader()
    assert torch.equal(reader.read(f"{tmp_path}/d.ark:2", "a"), features())
    assert torch.equal(reader.read(f"{tmp_path}/one.mat", "a"), features())


def test_nothing_appears_when_writing_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError),
        open_archive(tmp_path / "x.ark", tmp_path / "x.scp") as archive,
    ):
        archive.write("a", features())
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"cannot write archive .*x.ark: File too large"),
        files_of_at_most(5000),
        open_archive(tmp_path / "x.ark", tmp_path / "x.scp") as archive,
    ):
        for number in range(100):
            archive.write(f"u{number}", features(100))
    assert list(tmp_path.iterdir()) == []


def test_many_archives_do_not_exhaust_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moeasr.open_files.MAX_OPEN_FILES", 3)
    reader = FeatureReader()
    for _ in range(2):
        for number in range(8):
            path = tmp_path / f"{number}.ark"
            kaldiio.save_ark(str(path), {"a": features(number + 1).numpy()})
            assert torch.equal(reader.read(f"{path}:2", "a"), features(number + 1))
            assert len(reader._files) <= 3


def _read_often(reader: FeatureReader, entry: str, num_frames: int) -> None:
    for _ in range(200):
        assert torch.equal(reader.read(entry, "x"), features(num_frames))


def test_processes_that_share_a_reader_do_not_disturb_each_other(tmp_path: Path) -> None:
    entries = write(tmp_path)
    reader = FeatureReader()
    reader.read(entries["a"], "a")  # the archive is open before the fork
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_read_often, args=(reader, entries[utt_id], num_frames))
        for utt_id, num_frames in (("a", 7), ("c", 100))
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0, 0]


def test_a_reader_can_be_pickled_with_open_archives(tmp_path: Path) -> None:
    entries = write(tmp_path)
    reader = FeatureReader()
    reader.read(entries["a"], "a")
    copy = pickle.loads(pickle.dumps(reader))
    reader.close()  # as where the copy wakes up in another process
    assert torch.equal(copy.read(entries["a"], "a"), features())


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("missing", [1, 30, 10**6])
def test_an_archive_cut_short_is_named_with_its_utterance(
    tmp_path: Path, compress: bool, missing: int
) -> None:
    entry = write(tmp_path, compress)["c"]
    ark = tmp_path / "x.ark"
    ark.write_bytes(ark.read_bytes()[: max(0, ark.stat().st_size - missing)])
    with pytest.raises(InputError, match=r"utterance c: archive .*x.ark is truncated"):
        FeatureReader().read(entry, "c")


def test_missing_and_foreign_archives_are_named_with_their_utterance(tmp_path: Path) -> None:
    reader = FeatureReader()
    with pytest.raises(InputError, match="utterance u: archive .*nowhere.ark cannot be opened"):
        reader.read(f"{tmp_path}/nowhere.ark:3", "u")
    with pytest.raises(InputError, match="utterance u: archive .* cannot be read: Is a directory"):
        reader.read(f"{tmp_path}:3", "u")
    entries = write(tmp_path)
    with pytest.raises(InputError, match="u: archive .*x.ark contains no binary Kaldi matrix"):
        reader.read(entries["a"] + "1", "u")
    with pytest.raises(InputError, match="contains no binary Kaldi matrix"):
        reader.shape(f"{tmp_path}/x.scp:0", "u")


def header(kind: bytes, num_frames: int, num_bins: int) -> bytes:
    """Return the header of a matrix followed by a few values."""
    if kind in (b"FM", b"DM"):
        sizes = b"\4" + struct.pack("<i", num_frames) + b"\4" + struct.pack("<i", num_bins)
    else:
        sizes = struct.pack("<ffii", 0.0, 1.0, num_frames, num_bins)
    return b"\0B" + kind + b" " + sizes + bytes(400)


@pytest.mark.parametrize("kind", [b"FM", b"DM", b"CM", b"CM2", b"CM3"])
@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ((-1, 5), "is damaged: its header has an impossible shape of -1 frames by 5 bins"),
        (
            (5, -(2**31)),
            "is damaged: its header has an impossible shape of 5 frames by -2147",
        ),
        ((-3, -3), "is damaged"),
        ((2**31 - 1, 0), "is damaged: its header has an impossible shape of 2147483647 frames by"),
        ((2**31 - 1, 2**31 - 1), "is truncated"),
    ],
)
def test_absurd_sizes_in_a_header_are_one_sentence(
    tmp_path: Path, kind: bytes, sizes: tuple[int, int], fault: str
) -> None:
    ark = tmp_path / "x.ark"
    ark.write_bytes(header(kind, *sizes))
    reader = FeatureReader()
    for read in (reader.read, reader.shape):
        with pytest.raises(InputError, match=f"features of utterance u: archive {ark} {fault}"):
            read(f"{ark}:0", "u")


def test_places_that_no_file_has_are_one_sentence(tmp_path: Path) -> None:
    ark = tmp_path / "x.ark"
    ark.write_bytes(header(b"FM", 4, 5))
    faults = {f"{ark}:{10**30}": "is truncated", "a\0b:1": "no file has such a name"}
    faults[f"{ark}:\u00b2"] = "cannot be opened"  # which Python takes for a digit
    for entry, fault in faults.items():
        with pytest.raises(InputError, match=f"utterance u: .*{fault}"):
            FeatureReader().read(entry, "u")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_that_are_not_finite_are_named(tmp_path: Path, value: float, dtype: type) -> None:
    matrix = np.ones((3, 2), dtype)
    matrix[1, 1] = value
    kaldiio.save_ark(str(tmp_path / "x.ark"), {"u": matrix})
    with pytest.raises(InputError, match=r"features of utterance u \(.*x.ark:2\) are not finite"):
        FeatureReader().read(f"{tmp_path}/x.ark:2", "u")


def test_a_named_pipe_is_no_archive(tmp_path: Path) -> None:
    """Opening the pipe would block until a writer opens it."""
    os.mkfifo(tmp_path / "x.ark")
    with pytest.raises(InputError, match="utterance u: archive .*x.ark is truncated"):
        FeatureReader().read(f"{tmp_path}/x.ark:0", "u")


class Trap:
    """An object that creates a directory when it is unpickled."""

    def __reduce__(self):
        return (os.mkdir, ("sprung",))


@pytest.mark.parametrize("write_function", ["pickle", "numpy", "soundfile"])
def test_an_archive_of_features_holds_matrices_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_function: str
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {"pickle": Trap(), "numpy": np.ones((9, 5)), "soundfile": (16000, np.ones(100))}
    options = {"write_function": write_function}
    kaldiio.save_ark("x.ark", {"u": content[write_function]}, **options)
    with pytest.raises(InputError, match="u: archive x.ark contains no binary Kaldi matrix"):
        FeatureReader().read("x.ark:2", "u")
    assert not (tmp_path / "sprung").exists()
