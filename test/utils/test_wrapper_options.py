"""Each option of the scripts in utils/ reaches the program that does the work.

Python and the job runner are replaced by stand-ins that note their arguments.
"""

import shlex

import pytest
from stand_ins import StandIns

SHORT = {
    "VALIDATE": "python3 -m moeasr.bin.validate_data_dir --script utils/validate_data_dir.sh",
    "FIX": "python3 -m moeasr.bin.fix_data_dir --script fix_data_dir.sh",
    "NO_EXTRA": "--utt-extra-files= --spk-extra-files= --",
    "MAKE_FBANK": "run -q JOB=1:2 log/make_fbank_data.JOB.log python3 -m moeasr.bin.make_fbank",
    "TO_JOBS": "--ark PWD/out/raw_fbank_data.JOB.ark --scp PWD/out/raw_fbank_data.JOB.scp",
    "FROM_JOBS": "-- data PWD/out/raw_fbank_data.1.scp PWD/out/raw_fbank_data.2.scp",
    "LISTS": "log/fbank_data.1.list log/fbank_data.2.list",
    "DO ": "python3 -m moeasr.bin.",
}
"""Words for what several calls have in common."""
OF_ALL_MAKERS = "--nj 2 --fbank-config my.yaml --cmd 'run -q' --no-commands true"
CALLS = {
    f"make_fbank.sh {OF_ALL_MAKERS} --compress true --write-utt2num-frames false data log out": """
        VALIDATE --no-text --no-feats -- data
        python3 utils/split_scp.pl data/wav.scp LISTS
        MAKE_FBANK --fbank-config my.yaml --compress --no-commands \
            --wav-scp log/fbank_data.JOB.list TO_JOBS
        DO gather_fbank --script utils/make_fbank.sh --fbank-config my.yaml --no-num-frames \
            FROM_JOBS
    """,
    "make_fbank.sh --nj 2 --cmd 'run -q' --write-utt2dur false data/ log out": """
        VALIDATE --no-text --no-feats -- data
        python3 utils/split_scp.pl data/wav.scp LISTS
        MAKE_FBANK --fbank-config conf/fbank.yaml --wav-scp log/fbank_data.JOB.list TO_JOBS
        DO gather_fbank --script utils/make_fbank.sh --fbank-config conf/fbank.yaml --no-dur \
            FROM_JOBS
    """,
    "make_fbank.sh --cmd run cut": """
        VALIDATE --no-text --no-feats -- cut
        python3 utils/split_scp.pl cut/segments cut/log/fbank_cut.1.list cut/log/fbank_cut.2.list \
            cut/log/fbank_cut.3.list cut/log/fbank_cut.4.list
        run JOB=1:4 cut/log/make_fbank_cut.JOB.log DO make_fbank --fbank-config conf/fbank.yaml \
            --wav-scp cut/wav.scp --segments cut/log/fbank_cut.JOB.list \
            --ark PWD/cut/data/raw_fbank_cut.JOB.ark --scp PWD/cut/data/raw_fbank_cut.JOB.scp
        DO gather_fbank --script utils/make_fbank.sh --fbank-config conf/fbank.yaml -- cut \
            PWD/cut/data/raw_fbank_cut.1.scp PWD/cut/data/raw_fbank_cut.2.scp \
            PWD/cut/data/raw_fbank_cut.3.scp PWD/cut/data/raw_fbank_cut.4.scp
    """,
    f"make_raw.sh {OF_ALL_MAKERS} data log": """
        VALIDATE --no-text --no-feats -- data
        run -q log/make_raw_data.log DO make_raw --script utils/make_raw.sh --nj 2 \
            --fbank-config my.yaml --no-commands data
    """,
    "make_raw.sh --cmd run data/": """
        VALIDATE --no-text --no-feats -- data
        run data/log/make_raw_data.log DO make_raw --script utils/make_raw.sh --nj 4 \
            --fbank-config conf/fbank.yaml data
    """,
    f"make_shards.sh {OF_ALL_MAKERS} --num-utts-per-shard 7 --seed 5 data log out": """
        VALIDATE --no-feats -- data
        run -q log/make_shards_data.log DO make_shards --script utils/make_shards.sh --nj 2 \
            --fbank-config my.yaml --num-utts-per-shard 7 --seed 5 --no-commands data out
    """,
    "make_shards.sh --cmd run data": """
        VALIDATE --no-feats -- data
        run data/log/make_shards_data.log DO make_shards --script utils/make_shards.sh --nj 4 \
            --fbank-config conf/fbank.yaml --num-utts-per-shard 1000 --seed 0 data data/data
    """,
    "combine_data.sh --extra-files 'f g' new data cut": """
        DO combine_data --script utils/combine_data.sh '--extra-files=f g' -- new data cut
        FIX NO_EXTRA new
    """,
    "combine_data.sh --skip-fix true new data": """
        DO combine_data --script utils/combine_data.sh --extra-files= -- new data
    """,
    "copy_data_dir.sh --spk-prefix 1- --utt-prefix 2- --spk-suffix -3 --utt-suffix -4 \
        --validate-opts '--non-print --no-spk-sort' data new": """
        DO copy_data_dir --script utils/copy_data_dir.sh --spk-prefix=1- --utt-prefix=2- \
            --spk-suffix=-3 --utt-suffix=-4 -- data new
        VALIDATE --non-print --no-spk-sort --no-feats -- new
    """,
    "copy_data_dir.sh cut new": """
        DO copy_data_dir --script utils/copy_data_dir.sh --spk-prefix= --utt-prefix= \
            --spk-suffix= --utt-suffix= -- cut new
        VALIDATE --no-text -- new
    """,
    "fix_data_dir.sh --utt-extra-files 'f g' --spk-extra-files h data": """
        FIX '--utt-extra-files=f g' --spk-extra-files=h -- data
    """,
    "perturb_data_dir_speed.sh --include-spk-prefix false 0.9 data new": """
        DO perturb_data_dir_speed --script utils/perturb_data_dir_speed.sh --keep-speakers \
            -- 0.9 data new
        FIX NO_EXTRA new
        VALIDATE --no-feats --no-text -- new
    """,
    "perturb_data_dir_speed.sh 1.1 data new": """
        DO perturb_data_dir_speed --script utils/perturb_data_dir_speed.sh -- 1.1 data new
        FIX NO_EXTRA new
        VALIDATE --no-feats --no-text -- new
    """,
    "data/perturb_data_dir_speed_3way.sh --include-spk-prefix false \
        --always-include-prefix true data new/": """
        FIX NO_EXTRA data
        DO perturb_data_dir_speed --script utils/perturb_data_dir_speed.sh --keep-speakers \
            -- 0.9 data new_speed0.9
        FIX NO_EXTRA new_speed0.9
        VALIDATE --no-feats --no-text -- new_speed0.9
        DO perturb_data_dir_speed --script utils/perturb_data_dir_speed.sh --keep-speakers \
            -- 1.1 data new_speed1.1
        FIX NO_EXTRA new_speed1.1
        VALIDATE --no-feats --no-text -- new_speed1.1
        DO copy_data_dir --script utils/copy_data_dir.sh --spk-prefix=sp1.0- \
            --utt-prefix=sp1.0- --spk-suffix= --utt-suffix= -- data new_speed1.0
        VALIDATE --non-print --no-feats -- new_speed1.0
        DO combine_data --script utils/combine_data.sh --extra-files= -- new new_speed1.0 \
            new_speed0.9 new_speed1.1
        FIX NO_EXTRA new
        VALIDATE --no-feats --no-text -- new
    """,
    "data/augment_data_dir.sh --augment '[{type: gain}]' --seed 3 --sample-rate 8000 data new": """
        DO augment_data_dir --script utils/data/augment_data_dir.sh '--augment=[{type: gain}]' \
            --seed=3 --sample-rate=8000 -- data new
        VALIDATE --no-feats -- new
    """,
    "data/augment_data_dir.sh --augment '[{type: gain}]' data new": """
        DO augment_data_dir --script utils/data/augment_data_dir.sh '--augment=[{type: gain}]' \
            --seed=0 -- data new
        VALIDATE --no-feats -- new
    """,
    "data/perturb_data_dir_volume.sh --reco2vol v --write-reco2vol w --scale-low .5 \
        --scale-high 3 data": """
        DO perturb_data_dir_volume --script utils/data/perturb_data_dir_volume.sh \
            --scale-low=.5 --scale-high=3 --reco2vol v --write-reco2vol w -- data
    """,
    "data/perturb_data_dir_volume.sh data": """
        DO perturb_data_dir_volume --script utils/data/perturb_data_dir_volume.sh \
            --scale-low=0.125 --scale-high=2 -- data
    """,
    "data/modify_speaker_info.sh --utts-per-spk-max 3 --seconds-per-spk-max 60 \
        --respect-speaker-info false data new": """
        DO modify_speaker_info --script utils/data/modify_speaker_info.sh --utts-per-spk-max=3 \
            --seconds-per-spk-max=60 --ignore-speakers -- data new
        VALIDATE --no-feats -- new
    """,
    "data/modify_speaker_info.sh cut new": """
        DO modify_speaker_info --script utils/data/modify_speaker_info.sh --utts-per-spk-max=-1 \
            --seconds-per-spk-max=-1 -- cut new
        VALIDATE --no-text -- new
    """,
    "data/get_utt2dur.sh --nj 3 --frame-shift 0.02 --read-entire-file true data": """
        DO get_utt2dur --script utils/data/get_utt2dur.sh --nj 3 --frame-shift 0.02 \
            --read-entire-file -- data
    """,
    "data/get_utt2dur.sh data": """
        DO get_utt2dur --script utils/data/get_utt2dur.sh --nj 4 --frame-shift 0.01 -- data
    """,
    "data/get_reco2dur.sh --nj 3 --read-entire-file true data": """
        DO get_reco2dur --script utils/data/get_reco2dur.sh --nj 3 --read-entire-file -- data
    """,
    "data/get_reco2dur.sh data": """
        DO get_reco2dur --script utils/data/get_reco2dur.sh --nj 4 -- data
    """,
    "data/get_utt2num_frames.sh --nj 3 --frame-shift 0.02 --frame-overlap 0.05 data": """
        DO get_utt2num_frames --script utils/data/get_utt2num_frames.sh --nj 3 \
            --frame-shift 0.02 --frame-overlap 0.05 -- data
    """,
    "data/get_utt2num_frames.sh data": """
        DO get_utt2num_frames --script utils/data/get_utt2num_frames.sh --nj 4 \
            --frame-shift 0.01 --frame-overlap 0.015 -- data
    """,
    "validate_data_dir.sh --no-feats --no-text --non-print --no-wav --no-spk-sort --check-audio \
        --no-commands --sample-rate 8000 --text-units word data": """
        VALIDATE --no-feats --no-text --non-print --no-wav --no-spk-sort --check-audio \
            --no-commands --sample-rate 8000 --text-units word -- data
    """,
}
"""Call of a script -> what it calls."""


@pytest.fixture
def stand_ins(call):
    """Stand-ins for Python and a job runner, in a recipe whose tables have four empty lines."""
    files = ("data/wav.scp", "data/text", "cut/wav.scp", "cut/segments", "cut/feats.scp")
    for name in (*files, "conf/fbank.yaml", "my.yaml"):
        (call.cwd / name).parent.mkdir(exist_ok=True)
        (call.cwd / name).write_text("\n\n\n\n" if name.startswith(("data/", "cut/")) else "")
    made = StandIns(call.cwd / "bin", ["python3", "run"])
    for name in ("sleep", "rm"):  # run_shown.sh waits for the last lines; lists are not written
        (call.cwd / "bin" / name).symlink_to("/bin/true")
    return made


def expected(text: str, words: dict[str, str]) -> list[list[str]]:
    """Return the calls of a text of CALLS, with its short words written out."""
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return [shlex.split(line) for line in text.strip().splitlines()]


def run(call, stand_ins: StandIns, command: str, **env: str) -> list[list[str]]:
    """Return what a script calls."""
    path = f"{call.cwd}/bin:/usr/bin:/bin"
    script, *arguments = shlex.split(command)
    done = call(script, *arguments, env={"PATH": path} | stand_ins.env | env)
    assert done.returncode == 0, done.stdout + done.stderr
    return stand_ins.calls()


@pytest.mark.parametrize("command", CALLS, ids=lambda command: command.split()[0])
def test_options_reach_the_program(call, stand_ins, utils, command):
    words = SHORT | {"PWD": shlex.quote(str(call.cwd)), "utils/": f"{utils}/"}
    assert run(call, stand_ins, command) == expected(CALLS[command], words)


@pytest.mark.parametrize("script", ["make_fbank.sh", "make_raw.sh", "make_shards.sh"])
@pytest.mark.parametrize(("value", "is_forbidden"), [("1", True), ("0", False)])
def test_commands_that_the_environment_forbids_are_forbidden_to_the_job(
    call, stand_ins, script, value, is_forbidden
):
    """A job runner need not pass the environment on."""
    calls = run(call, stand_ins, f"{script} --cmd run data", MOEASR_NO_COMMANDS=value)
    (job,) = (words for words in calls if words[0] == "run")
    assert ("--no-commands" in job) == is_forbidden
