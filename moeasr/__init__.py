"""moeasr: Mixture-of-Experts speech recognition, from a corpus to a word error rate.

    >>> import moeasr
    >>> asr = moeasr.load("exp/u2pp_moe")
    >>> print(asr.transcribe("a.wav"))

The rooms of the package, and the rooms that each of them may import. Imports point upwards in this
table only; test/test_layers.py enforces it.

    room        holds                                           imports
    --------    --------------------------------------------    ----------------------------------
    (modules)   foundations: config, errors, logs, seed ...     nothing else of moeasr
    jobs        job runners of utils/*.pl, also for clusters    -
    datadir     tables of Kaldi data directories                -
    audio       from an entry of wav.scp to samples             datadir
    corpus      downloads, archives and forms of corpora        datadir audio
    features    filter banks, CMVN, SpecAugment                 -
    text        units, tokenizers, n-grams                      datadir
    augment     noise, rooms, telephones on training speech     datadir audio text
    kaldi       the work behind utils/*.sh                      datadir audio features augment
    data        from utterances to batches                      datadir audio features text
                                                                augment
    nn          layers                                          -
    moe         routers, experts, dispatch, losses              nn
    models      encoders, decoders, their losses and costs      nn moe
    convert     models made from other models                   nn moe models
    decode      searches, recognition, streams                  features text models
    score       error rates, their files and comparisons        text
    compare     systems of a list, trained and compared         jobs score
    train       the training loop                               records of models and moe
    interop     models of other toolkits                        features text nn moe models
    api         `moeasr.load` and what it returns               audio text decode
    deploy      model folders in onnxruntime, without torch     audio features text decode api
    export      models in ONNX, equal to their checkpoints      audio data decode features models
                                                                moe nn score text deploy
    report      tables, pictures and pages                      all above but corpus kaldi interop
                                                                export deploy serve
    serve       a server for model folders, without torch       audio decode api deploy, forms of
                                                                report
    experiment  one YAML file, its data and its checkpoints     datadir features text augment data
                                                                models convert decode score train
                                                                report
    bin         entry points                                    everything

Of the networks, `train` may import only `models.outputs` (the records that a model returns) and
`moe.stats` (statistics of expert usage for the log). The trainer is given a model and batches, and
depends neither on speech nor on files of features.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    from moeasr.api.speech_recognizer import SpeechRecognizer

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(
    path: "str | Path",
    *,
    device: str = "cpu",
    quantize: "Literal['int8', 'bf16'] | None" = None,
    num_threads: int | None = None,
    experts_per_frame: int | None = None,
) -> "SpeechRecognizer":
    """Load a trained model for speech recognition.

        >>> asr = moeasr.load("exp/u2pp_moe")
        >>> result = asr.transcribe("a.wav")
        >>> result.text, result.words, result.nbest

    Args:
        path: An experiment directory, whose `averaged.pt` is loaded, or a checkpoint; or a model
            folder that `moeasr export` wrote, which runs in onnxruntime without torch.
        device: The device of the model, `cpu` or `cuda`; a model folder runs on the CPU.
        quantize: The precision of linear layers and experts, `int8` or `bf16`, which is faster on a
            CPU; None for float32. A model folder has no `bf16`.
        num_threads: Number of CPU threads; None lets the runtime decide.
        experts_per_frame: Number of experts per frame in every MoE layer of a checkpoint; None for
            that of its config. In a model folder it is fixed.

    Returns:
        An object with the methods `transcribe` and `stream`.

    Raises:
        moeasr.errors.InputError: The checkpoint or folder is missing or damaged, there is no such
            device, a number is no whole number of 1 or more, or the model cannot be quantized or
            use this number of experts. It is a `ValueError`.
    """
    from moeasr.api.speech_recognizer import SpeechRecognizer
    from moeasr.deploy.model_folder import is_model_folder
    from moeasr.ranges import check_count

    check_count("num_threads", num_threads)
    check_count("experts_per_frame", experts_per_frame)
    if is_model_folder(path):
        from moeasr.deploy.folder_engine import open_folder

        settings = (device, quantize, num_threads, experts_per_frame)
        return SpeechRecognizer(open_folder(path, *settings))
    from moeasr.api.checkpoint_engine import CheckpointEngine, open_recognizer

    recognizer = open_recognizer(path, device, quantize, num_threads, experts_per_frame)
    return SpeechRecognizer(CheckpointEngine(recognizer))
