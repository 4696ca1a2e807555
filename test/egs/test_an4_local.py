"""Data preparation of AN4 on a made-up tree with both audio formats."""

import http.server
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from moeasr.errors import InputError

TRAIN_SPEAKERS = [f"f{letter}aa" for letter in "abcdef"] + [f"m{letter}bb" for letter in "abcdefgh"]


@pytest.fixture
def tree(tmp_path):
    """An AN4 tree: 14 training speakers with two utterances each, and one test speaker."""
    root = tmp_path / "corpus" / "an4"
    (root / "etc").mkdir(parents=True)
    names = [f"{prompt}-{speaker}-b" for speaker in TRAIN_SPEAKERS for prompt in ("an1", "cen2")]
    for name in names:
        write_audio(root / "wav" / "an4_clstk" / name.split("-")[1] / f"{name}.wav")
    write_lines(root, "train.fileids", [f"an4_clstk/{n.split('-')[1]}/{n}" for n in names])
    write_lines(root, "train.transcription", [f"<s> GO  A B </s> ({name})" for name in names])
    for name in ("an9-menk-b", "cen9-menk-b"):
        write_audio(root / "wav" / "an4test_clstk" / "menk" / f"{name}.sph")
    write_lines(
        root, "test.fileids", ["an4test_clstk/menk/an9-menk-b", "an4test_clstk/menk/cen9-menk-b"]
    )
    write_lines(root, "test.transcription", ["YES (an9-menk-b)", "E X (cen9-menk-b)"])
    # the leftovers of the public repository, which nobody may read
    write_lines(root, "test.transcription253239", ["WRONG (an9-menk-b)"])
    return root


def write_audio(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file_format = {".sph": "NIST", ".wav": "WAV"}[path.suffix]
    soundfile.write(path, np.zeros(1600, np.int16), 16000, format=file_format, subtype="PCM_16")


def write_lines(root: Path, name: str, lines: list[str]) -> None:
    (root / "etc" / f"an4_{name}").write_text("\n".join(lines) + "\n")


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / "etc" / f"an4_{name}"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture
def prepare(local_module, tmp_path):
    """Run data_prep.py on a download directory; the data directory."""

    def run(download_dir: Path) -> Path:
        where = ["--unpack-dir", str(tmp_path / "unpacked"), "--data-dir", str(tmp_path / "data")]
        module = local_module("an4", "data_prep")
        module.main(["--download-dir", str(download_dir), *where])
        return tmp_path / "data"

    return run


def table(path: Path) -> dict[str, str]:
    pairs = [line.split(" ", 1) for line in path.read_text().splitlines()]
    assert [key for key, _ in pairs] == sorted({key for key, _ in pairs})
    return dict(pairs)


def test_sets_texts_and_audio(prepare, tree, capsys):
    data = prepare(tree.parent)
    assert table(data / "test" / "text") == {
        "menk-an9-menk-b": "YES",
        "menk-cen9-menk-b": "E X",
    }
    wav = table(data / "test" / "wav.scp")["menk-cen9-menk-b"]
    assert wav == str(tree / "wav/an4test_clstk/menk/cen9-menk-b.sph")
    assert soundfile.info(wav).frames == 1600
    assert table(data / "test" / "spk2utt") == {"menk": "menk-an9-menk-b menk-cen9-menk-b"}
    texts = {**table(data / "train" / "text"), **table(data / "dev" / "text")}
    assert len(texts) == 28 and set(texts.values()) == {"GO A B"}
    # of the 14 speakers in the order of names, the sixth alone: the next would be the seventeenth
    assert set(table(data / "dev" / "utt2spk").values()) == {"ffaa"}
    assert set(table(data / "train" / "utt2spk").values()) == set(TRAIN_SPEAKERS) - {"ffaa"}
    assert "test: 2 utterances, 1 speakers, 3 words" in capsys.readouterr().out


def test_rerun_leaves_nothing_of_the_old_directory(prepare, tree):
    data = prepare(tree)  # the tree itself may be named as well
    (data / "train" / "feats.scp").write_text("stale\n")
    prepare(tree)
    names = sorted(path.name for path in (data / "train").iterdir())
    assert names == ["spk2utt", "text", "utt2spk", "wav.scp"]


@pytest.mark.parametrize("suffix", ["tar.xz", "tar.gz"])
def test_archive_is_unpacked_once_and_again_when_it_changed(prepare, tree, tmp_path, suffix):
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    archive = downloads / {"tar.xz": "an4.tar.xz", "tar.gz": "an4_sphere.tar.gz"}[suffix]
    mode = "w:" + suffix[-2:]
    with tarfile.open(archive, mode) as tar:
        tar.add(tree, "an4")
    data = prepare(downloads)
    audio = Path(table(data / "test" / "wav.scp")["menk-an9-menk-b"])
    assert audio.is_relative_to(tmp_path / "unpacked" / "an4")
    inode = audio.stat().st_ino
    prepare(downloads)
    assert audio.stat().st_ino == inode
    edit(tree, "test.transcription", "YES", "NO")
    with tarfile.open(archive, mode) as tar:
        tar.add(tree, "an4")
    prepare(downloads)
    assert table(data / "test" / "text")["menk-an9-menk-b"] == "NO"


def test_cut_archive_leaves_no_tree(prepare, tree, tmp_path):
    archive = tree.parent.parent / "an4.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(tree, "an4")
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"an4\.tar\.xz: cannot be unpacked"):
        prepare(archive.parent)
    assert not (tmp_path / "unpacked" / "an4").exists()


def test_archive_writes_only_below_its_own_directory(prepare, tree, tmp_path):
    evil = tmp_path / "evil"
    evil.write_text("evil")
    archive = tmp_path / "an4.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tree, "an4")
        for name in ("an4/../../escaped", "../escaped", "/escaped", "other/escaped"):
            tar.add(evil, name)
    prepare(tmp_path)
    assert list(tmp_path.rglob("escaped")) == []


FAULTS = {
    "a list is missing": (
        lambda root: (root / "etc/an4_test.transcription").unlink(),
        r"an4_test\.transcription does not exist",
    ),
    "audio is missing": (
        lambda root: (root / "wav/an4test_clstk/menk/an9-menk-b.sph").unlink(),
        r"an4_test\.fileids:1: there is no audio .*an9-menk-b\.wav or \.sph",
    ),
    "no transcript": (
        lambda root: edit(root, "test.transcription", "E X (cen9-menk-b)\n", ""),
        r"an4_test\.fileids:2: cen9-menk-b has no transcript",
    ),
    "transcript not listed": (
        lambda root: edit(root, "test.fileids", "an4test_clstk/menk/cen9-menk-b\n", ""),
        r"cen9-menk-b has a transcript but is not in",
    ),
    "listed twice": (
        lambda root: edit(root, "test.fileids", "cen9-menk-b", "an9-menk-b"),
        r"an4_test\.fileids:2: utterance an9-menk-b is listed twice",
    ),
    "two transcripts": (
        lambda root: edit(root, "test.transcription", "cen9-menk-b", "an9-menk-b"),
        r"an4_test\.transcription:2: utterance an9-menk-b has two transcripts",
    ),
    "no words": (
        lambda root: edit(root, "train.transcription", "GO  A B", ""),
        r"an4_train\.transcription:1: utterance an1-faaa-b has an empty transcript",
    ),
    "no name": (
        lambda root: edit(root, "test.transcription", "YES (an9-menk-b)", "YES"),
        r"an4_test\.transcription:1: not `words \(utterance\)`: 'YES'",
    ),
    "bad path": (
        lambda root: edit(root, "test.fileids", "an4test_clstk/", ""),
        r"an4_test\.fileids:1: not <set>/<speaker>/<utterance>",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(prepare, tree, tmp_path, fault):
    spoil, message = FAULTS[fault]
    spoil(tree)
    with pytest.raises(InputError, match=message):
        prepare(tree)
    assert not (tmp_path / "data").exists()


def test_audio_without_transcript_is_told_and_left_out(prepare, tree, capsys):
    extra = tree / "wav" / "an4_clstk" / "faaa" / "an7-faaa-b.wav"
    write_audio(extra)
    data = prepare(tree)
    assert f"1 audio files have no transcript, e.g. {extra}" in capsys.readouterr().err
    assert "faaa-an7-faaa-b" not in table(data / "train" / "wav.scp")


def test_missing_download_dir_is_named(prepare, tmp_path):
    with pytest.raises(InputError, match="nowhere: no such directory"):
        prepare(tmp_path / "nowhere")


@pytest.fixture
def server():
    """A web server of one file that can resume, with a log of the ranges it was asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        content = bytes(range(256)) * 5000
        ranges: list[str | None] = []
        announce_extra = 0  # bytes that are announced but never come

        def do_GET(self):
            wanted = self.headers.get("Range")
            self.ranges.append(wanted)
            start = int(wanted[len("bytes=") : -1]) if wanted else 0
            if start >= len(self.content):
                self.send_error(416)
                return
            self.send_response(206 if wanted else 200)
            body = self.content[start:]
            self.send_header("Content-Length", str(len(body) + self.announce_extra))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    yield httpd, Handler
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_download_resumes(local_module, server, tmp_path):
    download = local_module("an4", "download").download
    httpd, handler = server
    url = f"http://127.0.0.1:{httpd.server_port}/an4_sphere.tar.gz"
    (tmp_path / "an4_sphere.tar.gz.part").write_bytes(handler.content[:1000])
    archive = download((url,), tmp_path)
    assert archive.read_bytes() == handler.content
    assert handler.ranges == ["bytes=1000-"]
    assert not (tmp_path / "an4_sphere.tar.gz.part").exists()


def test_download_begins_anew_when_the_part_is_no_part(local_module, server, tmp_path):
    download = local_module("an4", "download").download
    httpd, handler = server
    url = f"http://127.0.0.1:{httpd.server_port}/an4_sphere.tar.gz"
    (tmp_path / "an4_sphere.tar.gz.part").write_bytes(bytes(len(handler.content) + 1))
    assert download((url,), tmp_path).read_bytes() == handler.content


def test_short_download_is_no_archive_and_the_next_address_is_tried(
    local_module, server, tmp_path, monkeypatch
):
    download = local_module("an4", "download").download
    httpd, handler = server
    monkeypatch.setattr(handler, "announce_extra", 7)
    good = f"http://127.0.0.1:{httpd.server_port}/an4_sphere.tar.gz"
    bad = "http://127.0.0.1:1/an4_sphere.tar.gz"  # nobody listens there
    with pytest.raises(InputError, match=r"AN4 could not be downloaded \(.*refused.*; .*--down"):
        download((bad, good), tmp_path)
    assert not (tmp_path / "an4_sphere.tar.gz").exists()
