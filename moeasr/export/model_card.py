"""The model card of an exported folder: what the model is, how well it works, how to run it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from moeasr.decode.recognizer import Recognizer
from moeasr.deploy.model_folder import ChunkSizes
from moeasr.export.dev_set import DevSet
from moeasr.export.sherpa_limits import HIGH_FREQ_HZ
from moeasr.plurals import counted
from moeasr.yaml_text import dump_yaml

if TYPE_CHECKING:
    from moeasr.export.checked_export import FileReport

SHERPA_RATE_HZ = 16000
"""Sample rate for which sherpa-onnx computes features unless it is told otherwise."""
CARD = """\
---
{front_matter}---
# {name}

A speech recogniser trained with moeasr and exported to ONNX.

| | |
|---|---|
| config | `{name}` |
| parameters | {total:.1f} M, of which each frame uses {active:.1f} M |
| units | {num_units}, type `{unit_type}` |
| audio | {rate} Hz, one channel; other rates are resampled by the runtime |
| licence | {licence} |

## Results

Greedy search on `{dev}` ({utterances}, {minutes:.1f} minutes). Speed is seconds of
computation per second of audio, on one thread of the machine that exported the model.

| file | size | WER | speed |
|---|---|---|---|
{rows}
{data}
## Run it

With moeasr (`pip install -e '.[deploy]'` in its checkout), attention rescoring included:

```python
import moeasr

asr = moeasr.load("this folder")
print(asr.transcribe("{recording}"))
```

{sherpa}"""
SHERPA = """\
With sherpa-onnx (`pip install sherpa-onnx sherpa-onnx-bin soundfile`), a whole file:

```python
import sherpa_onnx
import soundfile

samples, rate = soundfile.read("{recording}", dtype="float32")
recognizer = sherpa_onnx.OfflineRecognizer.from_wenet_ctc({arguments})
stream = recognizer.create_stream()
stream.accept_waveform(rate, samples)
recognizer.decode_stream(stream)
print(stream.result.text)
```

or on the command line:

```
sherpa-onnx-offline {rate_option}--tokens=tokens.txt --wenet-ctc-model=model.int8.onnx {recording}
```
{streaming}
The model expects 80 mel bins from 20 to {high_freq:.0f} Hz, which sherpa-onnx computes by default
from audio at {rate} Hz. CMVN is part of the files.
"""
NO_SHERPA = """\
sherpa-onnx cannot run this model: {reasons}.
"""
DATA = """
The weights of large networks are in data files. Each network needs the data file of its name in the
same folder: {files}.
"""
STREAMING = """
A live stream in chunks of {chunk} encoder frames ({chunk_ms:.0f} ms) with {left} left chunks:

```
sherpa-onnx {rate_option}--tokens=tokens.txt --wenet-ctc-model=model.streaming.int8.onnx \\
    --wenet-ctc-chunk-size={chunk} --wenet-ctc-num-left-chunks={left} {recording}
```

On Android, iOS, in a browser, or from C, C#, Go, Java, JavaScript, Kotlin, Swift: use
`model.zipformer.int8.onnx` as an online Zipformer CTC model (`zipformer2_ctc`) with the example of
that language from <https://k2-fsa.github.io/sherpa/onnx/>. Its chunk size is fixed. Add {tail:.1f}
seconds of silence to the end of a recording, so that its last chunk is decoded.

A page that shows text while you speak, and a server for other programs (`pip install -e '.[serve]'`
in the checkout of moeasr):

```
moeasr serve --model .
```
"""


def model_card(
    recognizer: Recognizer,
    sizes: ChunkSizes | None,
    dev_set: DevSet,
    reports: "Sequence[FileReport]",
    licence: str,
    data_files: Sequence[str],
    limits: Sequence[str],
) -> str:
    """Return the text of the card.

    Args:
        recognizer: The checkpoint's model.
        sizes: Sizes of chunks of the streaming files; None if there are none.
        dev_set: Utterances on which the files were measured.
        reports: The measurements.
        licence: Licence of the model.
        data_files: Names of the data files in the folder.
        limits: Reasons for which sherpa-onnx cannot run the model.
    """
    rows = [
        f"| `{report.name}` | {report.size_mb:.1f} MB | {report.wer:.2f} % | "
        f"{report.real_time_factor:.4f} |"
        for report in reports
    ]
    rate_hz = recognizer.fbank.sample_rate_hz
    is_default = rate_hz == SHERPA_RATE_HZ
    rate_option = "" if is_default else f"--sample-rate={rate_hz} "
    recording = "a.wav" if dev_set.example() is None else "test.wav"
    streaming = ""
    if sizes is not None:
        frame_sec = recognizer.frame_sec
        streaming = STREAMING.format(
            chunk=sizes.chunk_size,
            left=sizes.num_left_chunks,
            chunk_ms=1000 * sizes.chunk_size * frame_sec,
            tail=sizes.chunk_size * frame_sec + 0.1,
            rate_option=rate_option,
            recording=recording,
        )
    if limits:
        sherpa = NO_SHERPA.format(reasons="; ".join(limits))
    else:
        arguments = '"model.int8.onnx", "tokens.txt"'
        sherpa = SHERPA.format(
            streaming=streaming,
            rate=rate_hz,
            high_freq=rate_hz / 2 + HIGH_FREQ_HZ,
            arguments=arguments if is_default else f"{arguments}, sample_rate={rate_hz}",
            rate_option=rate_option,
            recording=recording,
        )
    facts = {
        "license": licence,
        "pipeline_tag": "automatic-speech-recognition",
        "library_name": "onnx" if limits else "sherpa-onnx",
    }
    return CARD.format(
        front_matter=dump_yaml(facts),
        recording=recording,
        name=recognizer.info.get("config_name", "model"),
        total=recognizer.params.total / 1e6,
        active=recognizer.params.active / 1e6,
        num_units=recognizer.tokenizer.vocab_size,
        unit_type=recognizer.tokenizer.config.type,
        rate=rate_hz,
        licence=licence,
        dev=dev_set.name,
        utterances=counted(len(dev_set.feats), "utterance"),
        minutes=dev_set.audio_sec / 60,
        rows="\n".join(rows),
        data=DATA.format(files=", ".join(f"`{name}`" for name in data_files)) if data_files else "",
        sherpa=sherpa,
    )
