"""Recognition with sherpa-onnx and the decoding graph of a model folder.

The texts show how well the graph works: they can be compared with those of
`ctc_prefix_beam_search` with the same language model and phrases.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moeasr.deploy.optional_packages import import_optional
from moeasr.errors import InputError
from moeasr.export.graph.openfst import check_fst
from moeasr.export.graph.write_graph import GRAPH_FILE


def sherpa_texts(
    folder: Path,
    recordings: Iterable[NDArray[np.float32]],
    sample_rate: int,
    model: str = "model.onnx",
    max_active: int = 3000,
) -> list[str]:
    """Return the texts that sherpa-onnx finds with the folder's graph.

    The texts of two calls may differ a little, because sherpa-onnx adds random noise to whole
    recordings (dither).

    Args:
        folder: The model folder.
        recordings: Samples from -1 to 1.
        sample_rate: Samples per second.
        model: Name of a file for whole recordings.
        max_active: Number of states of the graph that the search keeps after each frame.

    Raises:
        InputError: A package or a file is missing, or the graph is damaged.
    """
    sherpa_onnx = import_optional("sherpa_onnx")
    for name in (model, "tokens.txt", GRAPH_FILE):  # sherpa-onnx ends the process without them
        if not (folder / name).is_file():
            raise InputError(f"model folder {folder} has no {name}")
    check_fst(folder / GRAPH_FILE)
    core = sherpa_onnx.lib._sherpa_onnx
    recognizer = core.OfflineRecognizer(
        core.OfflineRecognizerConfig(
            model_config=core.OfflineModelConfig(
                wenet_ctc=core.OfflineWenetCtcModelConfig(model=str(folder / model)),
                tokens=str(folder / "tokens.txt"),
                num_threads=1,
            ),
            ctc_fst_decoder_config=core.OfflineCtcFstDecoderConfig(
                graph=str(folder / GRAPH_FILE), max_active=max_active
            ),
        )
    )
    texts = []
    for samples in recordings:
        stream = recognizer.create_stream()
        stream.accept_waveform(sample_rate, samples)
        recognizer.decode_stream(stream)
        texts.append(stream.result.text.strip())
    return texts
