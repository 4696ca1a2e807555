"""Show training, results, experts and errors of experiments as one HTML page.

Runs the encoder of averaged.pt and of a few earlier checkpoints on a data directory, aligns the
transcripts, and measures which units, speakers, languages ... are routed to each expert. With
several experiments, the page also compares them. Writes:
  report.html     the page, which needs no other file and no network
  report.json     the same numbers, for programs
Experiments may belong to different recipes. Each is measured on data of its own recipe, to whose
directory the paths in its tables are relative. Only results on the same utterances are compared.
The labels of utterances come from the files utt2spk, utt2lang and utt2snr (a signal-to-noise ratio
in dB) of the data directory. All of them are optional.
"""

import argparse
import itertools
from dataclasses import replace
from pathlib import Path

from moeasr.bin import run, typed_command
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.errors import InputError
from moeasr.limits import count, num_processes
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr report --exp-dir exp/dense --exp-dir exp/u2pp_moe "
        "--out exp/report.html",
    )
    add = parser.add_argument
    text = "experiment directory; give the option several times to compare experiments"
    add("--exp-dir", action="append", required=True, metavar="DIR", help=text)
    text = "the page to write; the JSON file beside it has the same name (default: "
    add("--out", metavar="FILE", help=text + "report.html in the first experiment directory)")
    text = "data directory with text, and features or audio; utils/subset_data_dir.sh makes a "
    text += "smaller one; may be given once for all experiments, or once for each, in their order "
    text += "(default: that of the first test set that each experiment decoded)"
    add("--data-dir", action="append", metavar="DIR", help=text)
    text = "file of words and their phones, `WORD PHONE PHONE ...` (default: no phones)"
    add("--lexicon", metavar="FILE", help=text)
    text = "utterance whose routes are shown; may be given several times (default: the one with "
    text += "the most errors, a typical one and the longest one without errors)"
    add("--utterance", action="append", default=[], metavar="ID", help=text)
    text = "permutations of the labels in each significance test (default: %(default)s)"
    add("--num-permutations", type=count, default=200, metavar="N", help=text)
    text = "feature frames per batch (default: %(default)s)"
    add("--batch-frames", type=int, default=12000, metavar="N", help=text)
    add("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    text = "number of CPU threads (default: chosen by PyTorch)"
    add("--num-threads", type=num_processes, metavar="N", help=text)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr report`."""
    args = get_parser().parse_args(argv)
    out = Path(args.out or Path(args.exp_dir[0], "report.html"))
    if out.suffix != ".html":
        raise InputError(f"--out must end with .html, but is {out}")
    if len({Path(exp_dir).resolve() for exp_dir in args.exp_dir}) < len(args.exp_dir):
        raise InputError("--exp-dir names the same experiment twice")
    pages = (out, out.with_suffix(".json"))
    for path in pages:  # before minutes of computing
        if path.is_dir():
            raise InputError(f"--out: {path} is a directory")
    data_dirs = args.data_dir or [None]
    if len(data_dirs) not in (1, len(args.exp_dir)):
        raise InputError("--data-dir must be given once, or as many times as --exp-dir")
    import torch

    from moeasr.atomic import atomic_path
    from moeasr.logs import setup_logging
    from moeasr.report.heat_map import check_matplotlib
    from moeasr.report.html.experiment_comparison import compare_reports
    from moeasr.report.html.experiment_report import ReportSettings, report_experiment
    from moeasr.report.html.frame_labels import read_lexicon
    from moeasr.report.html.report_page import render_page, report_json
    from moeasr.version import describe_commit

    setup_logging()
    check_matplotlib()
    if args.num_threads is not None:
        torch.set_num_threads(args.num_threads)
    settings = ReportSettings(
        lexicon=None if args.lexicon is None else read_lexicon(args.lexicon),
        num_permutations=args.num_permutations,
        utterances=tuple(args.utterance),
        batch_frames=args.batch_frames,
        device=args.device,
    )
    reports = [
        report_experiment(exp_dir, replace(settings, data_dir=data_dir))
        for exp_dir, data_dir in zip(args.exp_dir, itertools.cycle(data_dirs))
    ]
    unknown = set(args.utterance) - {view.utt_id for one in reports for view in one.views}
    if unknown:
        raise InputError(f"no data set of this report has a usable utterance {min(unknown)}")
    compared = compare_reports(reports) if len(reports) > 1 else []
    facts = {
        "command": typed_command("report", argv),
        "commit": describe_commit(),
    }
    contents = (
        render_page(reports, compared, facts),
        report_json(reports, compared, facts),
    )
    for path, content in zip(pages, contents, strict=True):
        with atomic_path(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    print(f"{out}: open it in a browser")


if __name__ == "__main__":
    run(main)
