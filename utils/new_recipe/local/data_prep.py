"""Prepare `data/{train,dev,test}` in Kaldi's form from a corpus in any of the common forms.

The forms are: a folder of audio with transcripts, LJSpeech, Common Voice, JSON lines of NeMo and
Hugging Face, Hugging Face's AudioFolder, CSV tables with a header, manifests of lhotse, and Kaldi
data directories. Sets that the corpus does not define are taken from its training set by speaker.

For another corpus, write a form of your own in `local/my_form.py` (`moeasr.corpus.forms.form`).

Example:
  python3 local/data_prep.py --download-dir ~/speech --data-dir data --case lower
"""

from moeasr.bin import run
from moeasr.corpus.forms.corpus_sets import forms_parser, options_of, read_sets
from moeasr.datadir.write import write_sets
from moeasr.logs import setup_logging


def main(argv: list[str] | None = None) -> None:
    """Write the three sets and print their sizes."""
    args = forms_parser(__doc__).parse_args(argv)
    setup_logging()
    write_sets(read_sets(args.download_dir, options_of(args)), args.data_dir)


if __name__ == "__main__":
    run(main)
