"""Run the utils of Kaldi and of moeasr on the same synthetic directories, and print differences.

    tools/oracle/compare_with_kaldi.py --kaldi D [--only subset] [--keep FOLDER]

D is a Kaldi checkout, of which only egs/wsj/s5/utils is used (perl, awk and python are needed).
A call counts as equal if both succeed or both fail, and both leave the same files. The script also
reports whether they print the same. Intended differences are marked with their reason. The exit
status is 1 if there are other differences. Calls that need Kaldi's binaries are not compared.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Case(NamedTuple):
    """One call of a script."""

    command: str
    """Command that bash runs in a folder with `utils` and the directories of `make_data`."""
    wanted: str = ""
    """Reason for an intended difference in files or success."""


SPACES = "ours keeps spaces inside a line as they are"
FILTERS = [
    Case("utils/filter_scp.pl few data/text"),
    Case("utils/filter_scp.pl --exclude few data/text"),
    Case("utils/filter_scp.pl -f 2 speakers data/utt2spk"),
    Case("utils/filter_scp.pl none data/text"),
    Case("utils/filter_scps.pl JOB=1:2 part.JOB data/text out.JOB"),
    Case("utils/filter_scps.pl -f 2 JOB=1:2 spk.JOB data/utt2spk out.JOB"),
    Case("utils/filter_scps.pl --no-warn JOB=1:1 part.1 data/text out"),
    Case("utils/filter_scps.pl JOB=2:1 part.JOB data/text out.JOB"),
    Case("utils/filter_scps.pl JOB=1:2 part.1 data/text out.JOB"),
    Case("utils/filter_scps.pl JOB=1:3 part.JOB data/text out.JOB"),
    Case("utils/apply_map.pl -f 2- map < data/text"),
    Case("utils/apply_map.pl -f 2 --permissive map < data/text"),
    Case("utils/apply_map.pl --permissive map < data/text"),
    Case("utils/sym2int.pl -f 2- words.txt data/text"),
    Case("utils/sym2int.pl --map-oov '<unk>' -f 2- words.txt data/text"),
    Case("utils/sym2int.pl --map-oov 7 -f 2-3 words.txt < data/text"),
    Case("utils/sym2int.pl -f 9 words.txt < data/text"),
    Case("utils/sym2int.pl --map-oov words.txt data/text"),
    Case("utils/sym2int.pl --map-oov nothing words.txt data/text"),
    Case("utils/int2sym.pl -f 2- words.txt integers"),
    Case("utils/int2sym.pl words.txt data/text"),
    Case("utils/subset_scp.pl 3 data/text"),
    Case("utils/subset_scp.pl 8 data/text"),
    Case("utils/subset_scp.pl 0 data/text"),
    Case("utils/subset_scp.pl 99 data/text"),
    Case("utils/subset_scp.pl --quiet 99 data/text"),
    Case("utils/subset_scp.pl --quiet --first 3 data/text"),
    Case("utils/subset_scp.pl --last 3 data/text"),
    Case("utils/shuffle_list.pl data/text"),
    Case("utils/shuffle_list.pl --srand 7 < data/text"),
    Case("utils/split_scp.pl data/text out.1 out.2 out.3"),
    Case("utils/split_scp.pl --utt2spk=data/utt2spk data/text out.1 out.2"),
    Case("utils/split_scp.pl -j 3 1 data/text out"),
    Case("utils/split_scp.pl --utt2spk=data/utt2spk data/text out.1 out.2 out.3 out.4"),
    Case("utils/utt2spk_to_spk2utt.pl data/utt2spk"),
    Case("utils/utt2spk_to_spk2utt.pl data/text"),
    Case("utils/spk2utt_to_utt2spk.pl data/spk2utt"),
    Case("utils/best_wer.sh < rates"),
    Case("utils/best_wer.sh < sclite"),
    Case("utils/best_wer.sh < data/text"),
    Case("utils/summarize_warnings.pl logs | sort"),
    Case("utils/summarize_warnings.pl nowhere"),
    Case("utils/summarize_logs.pl logs"),
    Case("utils/make_absolute.sh data"),
    Case("utils/make_absolute.sh ./link/../data/text"),
    Case("utils/make_absolute.sh link/new"),
]
DIRECTORIES = [
    Case("utils/validate_data_dir.sh --no-feats data"),
    Case("utils/validate_data_dir.sh data"),
    Case("utils/validate_data_dir.sh --no-feats segmented"),
    Case("utils/validate_data_dir.sh --no-feats shuffled"),
    Case("utils/fix_data_dir.sh shuffled"),
    Case("utils/fix_data_dir.sh data"),
    Case("utils/fix_data_dir.sh nowhere"),
    Case("utils/copy_data_dir.sh data new", SPACES),
    Case("utils/copy_data_dir.sh --spk-prefix x- --utt-prefix x- segmented new", SPACES),
    Case("utils/copy_data_dir.sh --utt-suffix -x data new", SPACES),
    Case("utils/copy_data_dir.sh data data"),
    Case("utils/subset_data_dir.sh data 5 new"),
    Case("utils/subset_data_dir.sh --first segmented 5 new"),
    Case("utils/subset_data_dir.sh --last data 5 new"),
    Case("utils/subset_data_dir.sh --per-spk data 2 new", "Kaldi ends lines with a space"),
    Case("utils/subset_data_dir.sh --speakers data 5 new"),
    Case("utils/subset_data_dir.sh --spk-list speakers data new"),
    Case("utils/subset_data_dir.sh --utt-list few segmented new"),
    Case("utils/subset_data_dir.sh data 99 new"),
    Case("utils/combine_data.sh new data other"),
    Case("utils/combine_data.sh new data segmented2"),
    Case("utils/combine_data.sh --extra-files 'extra' new data other"),
    Case("utils/split_data.sh data 2"),
    Case("utils/split_data.sh --per-utt segmented 3"),
    Case("utils/split_data.sh data 99"),
    Case("utils/data/get_utt2dur.sh data"),
    Case("utils/data/get_utt2dur.sh nodur"),
    Case("utils/data/get_reco2dur.sh data"),
    Case("utils/data/get_utt2num_frames.sh data"),
    Case("utils/data/get_utt2num_frames.sh --frame-shift 0.02 --frame-overlap 0.03 data"),
    Case("utils/data/get_segments_for_data.sh data"),
    Case("utils/data/get_segments_for_data.sh nodur"),
    Case("utils/data/remove_dup_utts.sh 2 repeated new"),
    Case("utils/data/remove_dup_utts.sh 5 repeated new"),
    Case("utils/data/remove_dup_utts.sh 1 repeated new"),
    Case("utils/data/remove_dup_utts.sh x repeated new"),
    Case("utils/data/resample_data_dir.sh 8000 data", "Kaldi runs `cat` on file.ark:offset"),
    Case("utils/data/resample_data_dir.sh 8000 segmented"),
    Case("utils/data/perturb_data_dir_volume.sh data"),
    Case("utils/data/perturb_data_dir_volume.sh --scale-low 0.5 --write-reco2vol vol segmented"),
    Case("utils/data/perturb_data_dir_volume.sh --reco2vol vol1 data"),
    Case(
        "utils/data/perturb_data_dir_volume.sh --reco2vol data/spk2utt data",
        "Kaldi leaves half a file",
    ),
    Case("utils/data/perturb_data_dir_volume.sh data; utils/data/perturb_data_dir_volume.sh data"),
    Case("utils/perturb_data_dir_speed.sh 0.9 data new", SPACES),
    Case("utils/perturb_data_dir_speed.sh 1.1 segmented new", SPACES),
    Case("utils/data/modify_speaker_info.sh --utts-per-spk-max 2 data new"),
    Case("utils/data/modify_speaker_info.sh --seconds-per-spk-max 4 data new"),
    Case(
        "utils/data/modify_speaker_info.sh --utts-per-spk-max 3 --seconds-per-spk-max 4 "
        "--respect-speaker-info false segmented new"
    ),
    Case("utils/data/modify_speaker_info.sh --utts-per-spk-max 1 data new"),
    Case("utils/data/modify_speaker_info.sh data new", "Kaldi goes on without a limit"),
    Case("utils/data/extend_segment_times.py < segmented/segments"),
    Case("utils/data/extend_segment_times.py --start-padding=0.4 --end-padding=0.3 < dense"),
    Case(
        "utils/data/extend_segment_times.py --fix-overlapping-segments=false "
        "--last-segment-end-padding=0 < dense"
    ),
    Case("utils/data/extend_segment_times.py < data/text"),
    Case("utils/subset_data_dir_tr_cv.sh --cv-spk-percent 34 data tr cv"),
    Case("utils/subset_data_dir_tr_cv.sh --seed 1 --cv-spk-percent 70 segmented tr cv"),
    Case("utils/subset_data_dir_tr_cv.sh --cv-spk-list speakers data tr cv"),
]
EXTRA_OF_OURS = {"utt2dur", "utt2lang", "utt2num_frames", "utt2uniq", "reco2dur", "frame_shift"}
"""Files that modify_speaker_info.sh and split_data.sh keep here, and Kaldi's do not."""


def write(folder: Path, name: str, lines: list[str]) -> None:
    """Write one file of `lines`."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def make_data(folder: Path) -> None:
    """Write the directories and lists for the calls."""
    utts = [
        f"{speaker}-{n}" for speaker, count in (("a", 2), ("b", 5), ("c", 3)) for n in range(count)
    ]
    texts = ["ONE", "TWO WORDS", "ONE", "THREE", "ONE", "TWO  WORDS", "ONE", "ONE", "SIX", "ONE"]
    durations = ["1.5", "2.25", "0.9", "3.1", "0.5", "4", "1.01", "2", "0.75", "1.2"]
    wavs = ["/x/{}.wav", "cat /x/{}.wav |", "/x/all.ark:1234"]
    tables = {
        "utt2spk": [f"{utt} {utt[0]}" for utt in utts],
        "text": [f"{utt} {text}" for utt, text in zip(utts, texts)],
        "utt2lang": [f"{utt} en" for utt in utts],
        "utt2dur": [f"{utt} {duration}" for utt, duration in zip(utts, durations)],
        "spk2gender": ["a f", "b m", "c f"],
    }
    spk2utt = [" ".join([s, *(utt for utt in utts if utt[0] == s)]) for s in "abc"]
    wav = [f"{utt} {wavs[n % 3].format(utt)}" for n, utt in enumerate(utts)]
    for name, lines in {**tables, "spk2utt": spk2utt, "wav.scp": wav}.items():
        write(folder, f"data/{name}", lines)
        write(folder, f"shuffled/{name}", lines[::-1] + lines[:1])
        write(folder, f"repeated/{name}", lines)
        if name not in ("utt2dur", "text"):
            write(folder, f"nodur/{name}", lines)
        other = [line.replace("a-", "d-").replace("b-", "e-").replace("c-", "f-") for line in lines]
        other = [re.sub(r"\b([abc])\b", lambda m: chr(ord(m[1]) + 3), line) for line in other]
        write(folder, f"other/{name}", other)
    write(folder, "shuffled/text", tables["text"][2:])
    write(folder, "data/reco2dur", tables["utt2dur"])
    write(folder, "nodur/text", tables["text"])
    write(folder, "nodur/utt2num_frames", [f"{utt} {100 + n}" for n, utt in enumerate(utts)])
    write(folder, "nodur/frame_shift", ["0.01"])
    for name in ("data/extra", "other/extra"):
        write(folder, name, tables["utt2lang"])
    write(folder, "repeated/text", [f"{utt} UH HUH" for utt in utts])
    for name, mark in (("segmented", ""), ("segmented2", "z")):
        times = [(2 * n + 0.25, 2 * n + 1.5 + n / 8) for n in range(len(utts))]
        segments = [f"{mark}{u} {mark}r{u[0]} {a:.2f} {b:.2f}" for u, (a, b) in zip(utts, times)]
        write(folder, f"{name}/segments", segments)
        write(
            folder, f"{name}/wav.scp", [f"{mark}r{s} sph2pipe -f wav /x/{s}.sph |" for s in "abc"]
        )
        write(folder, f"{name}/reco2file_and_channel", [f"{mark}r{s} {s} A" for s in "abc"])
        write(folder, f"{name}/reco2dur", [f"{mark}r{s} 30" for s in "abc"])
        write(folder, f"{name}/utt2dur", [f"{mark}{u} {b - a:g}" for u, (a, b) in zip(utts, times)])
        write(folder, f"{name}/utt2spk", [f"{mark}{utt} {mark}{utt[0]}" for utt in utts])
        write(folder, f"{name}/spk2utt", [f"{mark}{x}".replace(" ", f" {mark}") for x in spk2utt])
        write(folder, f"{name}/text", [f"{mark}{line}" for line in tables["text"]])
    write(folder, "dense", ["u1 r 0.2 6.2", "u2 r 6.3 9.8", "u3 r 0.0001 12.5", "u4 q 1 1.5"])
    write(folder, "few", ["b-1 x", "c-0", "a-1"])
    write(folder, "speakers", ["a", "c"])
    write(folder, "part.1", utts[:4])
    write(folder, "part.2", utts[3:8])
    write(folder, "spk.1", ["a", "b"])
    write(folder, "spk.2", ["c"])
    write(folder, "map", ["ONE 1 uno", "TWO dos", "WORDS", "THREE tres", "SIX seis"])
    write(folder, "words.txt", ["<eps> 0", "ONE 1", "TWO 2", "WORDS 3", "<unk> 4"])
    write(folder, "integers", ["u 1 2  3", "v", "w 4"])
    write(folder, "vol1", [f"{utt} 0.{n + 1}" for n, utt in enumerate(utts)])
    rate = "%WER {} [ 1 / 20, 0 ins, 0 del, 1 sub ]"
    write(folder, "rates", [f"exp/wer_{n}:{rate.format(r)}" for n, r in enumerate((7.5, 5.25, 6))])
    sclite = "exp/score_{0}/a.sys:|  Sum/Avg  | 10  200 | 95.0  3.0  2.0  1.0  {0}.0  40.0 |"
    write(folder, "sclite", [sclite.format(n) for n in (8, 6, 7)])
    write(
        folder, "logs/a.1.log", ["WARNING x", "# Accounting: time=12 threads=2", "ERROR WARNINGS"]
    )
    write(folder, "logs/a.2.log", ["WARNING y", "# Accounting: time=20 threads=2"])
    write(folder, "logs/b.1.2.log", ["WARNING", "all well"])
    write(folder, "path.sh", ['export PATH="$PWD/utils:$PATH" LC_ALL=C'])
    (folder / "link").symlink_to("data")


def harmonised(text: str) -> str:
    """Replace the commands of sox and of moeasr by the same text."""
    text = re.sub(r"python3 -m moeasr\.bin\.perturb_volume (\S+) (\S+) \|", r"VOLUME \1 \2", text)
    text = re.sub(r"python3 -m moeasr\.bin\.perturb_speed (\S+) (\S+) \|", r"SPEED \1 \2", text)
    text = re.sub(r"python3 -m moeasr\.bin\.resample (\S+) (\S+) \|", r"RATE \1 \2", text)
    text = re.sub(r"wav-copy (\S+) - \| (\S*sox) ", r"\1 | \2 ", text)
    text = re.sub(r"(\S+:\d+) \| sox --vol (\S+) -t wav - -t wav - \|", r"VOLUME \2 \1", text)
    text = re.sub(r"\S*sox --vol (\S+) -t wav (\S+) -t wav - \|", r"VOLUME \1 \2", text)
    text = re.sub(r"(\S+:\d+) \| \S*sox -t wav - -t wav - speed (\S+) \|", r"SPEED \2 \1", text)
    text = re.sub(r"\S*sox -t wav (\S+) -t wav - speed (\S+) \|", r"SPEED \2 \1", text)
    rate = r"\S*sox -t wav - -c 1 -b 16 -t wav - rate (\S+) \|"
    text = re.sub(rf"^(\S+) cat (\S+) \| {rate}", r"\1 RATE \3 \2", text, flags=re.MULTILINE)
    return re.sub(rate, r"RATE \1 -", text)


def left_behind(folder: Path) -> dict[str, str]:
    """Return the files below a folder to compare, without backups."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not re.search(r"(^|/)(\.backup|\.split_lock|utils|log)(/|$)", name):
            files[name] = harmonised(path.read_text())
    return files


def outcome(case: Case, utils: Path, folder: Path) -> tuple[bool, str, dict[str, str], str]:
    """Return whether a call succeeds, its output, the files that it leaves, and its errors."""
    folder.mkdir(parents=True)
    make_data(folder)
    (folder / "utils").symlink_to(utils)
    env = {
        **os.environ,
        "LC_ALL": "C",
        "USER": "nobody",
        "PATH": f"{folder}/sox:{os.environ['PATH']}",
    }
    (folder / "sox").mkdir()  # some of Kaldi's ask whether it is there; nothing here runs it
    (folder / "sox" / "sox").write_text("#!/bin/sh\nexit 1\n")
    (folder / "sox" / "sox").chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", case.command], cwd=folder, env=env, capture_output=True, text=True
    )
    printed = done.stdout.replace(str(folder), "")
    return done.returncode == 0, printed, left_behind(folder), done.stderr


def differing(theirs: dict[str, str], ours: dict[str, str]) -> list[str]:
    """Return the names of files that differ, except files that only moeasr keeps."""
    names = [name for name in theirs if theirs[name] != ours.get(name)]
    more = [name for name in ours if name not in theirs and Path(name).name not in EXTRA_OF_OURS]
    return names + more


def main() -> None:
    """Compare all calls."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kaldi", type=Path, required=True, help="a Kaldi checkout")
    parser.add_argument("--only", default="", help="compare only calls that contain this text")
    parser.add_argument("--keep", type=Path, help="directory to keep the files of calls in")
    args = parser.parse_args()
    kaldi = (args.kaldi / "egs/wsj/s5/utils").resolve()
    if not kaldi.is_dir():
        sys.exit(f"no such directory {kaldi}")
    work = args.keep or Path(tempfile.mkdtemp())
    num_unwanted = 0
    print(f"{'files':>7} {'status':>7} {'prints':>7}  call")
    for number, case in enumerate(FILTERS + DIRECTORIES):
        if args.only not in case.command:
            continue
        theirs = outcome(case, kaldi, work / str(number) / "kaldi")
        ours = outcome(case, ROOT / "utils", work / str(number) / "moeasr")
        names = differing(theirs[2], ours[2])
        same_status, same_output = theirs[0] == ours[0], theirs[1] == ours[1]
        is_unwanted = (names or not same_status) and not case.wanted
        num_unwanted += bool(is_unwanted)
        marks = ["same" if same else "differ" for same in (not names, same_status, same_output)]
        print(f"{marks[0]:>7} {marks[1]:>7} {marks[2]:>7}  {case.command}")
        if case.wanted and (names or not same_status):
            print(f"{'':25}wanted: {case.wanted}")
        elif is_unwanted:
            print(f"{'':25}{' '.join(names)}\n{theirs[3][-300:]}\n{ours[3][-300:]}")
    if args.keep is None:
        shutil.rmtree(work)
    sys.exit(1 if num_unwanted else 0)


if __name__ == "__main__":
    main()
