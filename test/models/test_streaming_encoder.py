"""Chunk by chunk with caches equals the masked pass over the whole utterance, for every system."""

import pytest
import torch
from systems import STREAMING, SYSTEMS, encoder, make_system, moe

from moeasr.errors import InputError
from moeasr.models.streaming_encoder import StreamingEncoder

TOLERANCE = {"rtol": 0, "atol": 1e-9}
LENS = torch.tensor([150, 81, 38, 6])
FEATS = torch.randn(4, 150, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def window(streaming, feats, lens, chunk, num_chunks):
    """Return features (B, W, F) and lengths (B,) of `num_chunks` chunks from `chunk` on."""
    first = chunk * streaming.hop_frames
    size = (num_chunks - 1) * streaming.hop_frames + streaming.window_frames
    return feats[:, first : first + size], (lens - first).clamp(0, size)


def stream_all(streaming, feats, lens, num_chunks=1, languages=None):
    """The encoder frames of each stream, a step of `num_chunks` chunks at a time."""
    state, frames = streaming.start(len(lens)), [[] for _ in lens]
    for chunk in range(0, feats.size(1) // streaming.hop_frames + 1, num_chunks):
        part, part_lens = window(streaming, feats, lens, chunk, num_chunks)
        output, state = streaming.step(part, part_lens, state, languages)
        for b, length in enumerate(output.enc_lens.tolist()):
            frames[b].append(output.enc[b, :length])
    return [torch.cat(parts) for parts in frames]


@pytest.mark.parametrize("kind", STREAMING)
@pytest.mark.parametrize(
    ("chunk_size", "num_left_chunks"), [(1, 3), (4, -1), (4, 0), (8, 1), (16, -1), (50, -1)]
)
def test_ragged_streams_equal_the_masked_pass(kind, chunk_size, num_left_chunks):
    model = make_system(kind).eval()
    whole = model.encode(FEATS, LENS, chunk_size, num_left_chunks)
    spoilt = FEATS.clone()
    for b, length in enumerate(LENS.tolist()):
        spoilt[b, length:] = 1e3
    streaming = StreamingEncoder(model, chunk_size, num_left_chunks)
    streamed = stream_all(streaming, spoilt, LENS)
    assert [len(frames) for frames in streamed] == [36, 19, 8, 0]
    for b, frames in enumerate(streamed):
        torch.testing.assert_close(frames, whole.enc[b, : len(frames)], **TOLERANCE)


@pytest.mark.parametrize("kind", ["u2pp_moe", "speechmoe", "speechmoe_transformer"])
@pytest.mark.parametrize("num_chunks", [2, 3])
def test_several_chunks_at_once_equal_one_by_one(kind, num_chunks):
    streaming = StreamingEncoder(make_system(kind).eval(), chunk_size=3, num_left_chunks=2)
    one_by_one = stream_all(streaming, FEATS, LENS)
    for single, several in zip(one_by_one, stream_all(streaming, FEATS, LENS, num_chunks)):
        torch.testing.assert_close(single, several, **TOLERANCE)


@pytest.mark.parametrize("kind", ["u2pp_moe", "speechmoe", "transformer", "key_position"])
@pytest.mark.parametrize("num_left_chunks", [-1, 2])
@pytest.mark.parametrize("age", [0, 1])
def test_streams_may_join_and_leave_a_batch(kind, num_left_chunks, age):
    """Utterance 1 has had `age` chunks when utterance 0, which has had two, joins it."""
    streaming = StreamingEncoder(make_system(kind).eval(), 4, num_left_chunks)
    alone = [stream_all(streaming, FEATS[b : b + 1], LENS[b : b + 1])[0] for b in (0, 1)]

    def windows(*chunks):
        """The features and lengths of (utterance, chunk) pairs, one stream each."""
        parts = [window(streaming, FEATS[[b]], LENS[[b]], chunk, 1) for b, chunk in chunks]
        return tuple(torch.cat(part) for part in zip(*parts))

    states = [streaming.start(), streaming.start()]
    for b, chunk in [(0, 0), (0, 1), (1, 0)][: 2 + age]:
        _, states[b] = streaming.step(*windows((b, chunk)), states[b])
    joined = streaming.join(states[::-1])
    both, state = streaming.step(*windows((1, age), (0, 2)), joined)
    last, _ = streaming.step(*windows((0, 3)), state.select([1]))
    torch.testing.assert_close(both.enc[0], alone[1][4 * age : 4 * age + 4], **TOLERANCE)
    torch.testing.assert_close(torch.cat([both.enc[1], last.enc[0]]), alone[0][8:16], **TOLERANCE)


@pytest.mark.parametrize("kind", ["u2pp_moe", "key_position"])
def test_a_stream_without_new_frames_continues_later(kind):
    streaming = StreamingEncoder(make_system(kind).eval(), 4, 1)
    expected = stream_all(streaming, FEATS[:1], LENS[:1])[0]
    state, frames = streaming.start(2), []
    for chunk in range(9):
        feats, lens = window(streaming, FEATS[[0, 0]], LENS[[0, 0]], chunk, 1)
        _, state = streaming.step(feats, lens * torch.tensor([0, 1]), state)
        output, state = streaming.step(feats, lens * torch.tensor([1, 0]), state)
        frames.append(output.enc[0, : output.enc_lens[0]])
    torch.testing.assert_close(torch.cat(frames), expected, **TOLERANCE)


def test_caches_do_not_grow_with_the_stream():
    streaming = StreamingEncoder(make_system("speechmoe").eval(), 4, 2)
    state, sizes = streaming.start(), []
    for chunk in range(9):
        _, state = streaming.step(*window(streaming, FEATS[:1], LENS[:1], chunk, 1), state)
        sizes.append((state.encoder.num_past, state.embedding.num_past))
    assert sizes[0] == (4, 4)
    assert set(sizes[1:]) == {(8, 8)}


def test_a_model_that_routes_by_language_streams_with_a_given_language():
    routed = encoder(moe(router="language"))
    model = make_system("u2pp_moe", encoder=routed, languages=("en", "zh")).eval()
    languages = torch.tensor([0, 1, 1, 0])
    whole = model.encode(FEATS, LENS, 4, languages=languages)
    streaming = StreamingEncoder(model, 4)
    for b, frames in enumerate(stream_all(streaming, FEATS, LENS, languages=languages)):
        torch.testing.assert_close(frames, whole.enc[b, : len(frames)], **TOLERANCE)
    with pytest.raises(InputError, match="routes by language"):
        streaming.step(FEATS, LENS, streaming.start(4))


def test_what_cannot_stream_is_refused():
    model = make_system("dense").eval()
    with pytest.raises(InputError, match="`chunk_size` must be at least 1 to stream, but is 0"):
        StreamingEncoder(model, 0)
    with pytest.raises(InputError, match="`num_left_chunks` must be -1 or more"):
        StreamingEncoder(model, 4, -2)
    seeing = encoder(causal_conv=False, dynamic_chunk=False)
    with pytest.raises(InputError, match="cannot decode in chunks.*causal_conv: false"):
        StreamingEncoder(make_system("dense", encoder=seeing).eval(), 4)


@pytest.mark.parametrize("kind", sorted(SYSTEMS.keys() - set(STREAMING)))
def test_routers_that_read_later_frames_cannot_stream(kind):
    sentence = (
        r"cannot decode in chunks: encoder\.blocks\.0\.\w+\.router \(\w+Router\) reads later frames"
    )
    with pytest.raises(InputError, match=sentence):
        StreamingEncoder(make_system(kind).eval(), 4)


def test_caches_of_another_model_are_refused():
    streaming, other = (StreamingEncoder(make_system("dense").eval(), 4) for _ in range(2))
    feats, lens = window(streaming, FEATS, LENS, 0, 1)
    with pytest.raises(InputError, match="state belongs to another model"):
        streaming.step(feats, lens, other.start(4))
    with pytest.raises(InputError, match="the features belong to 4 streams, but the state to 3"):
        streaming.step(feats, lens, streaming.start(3))
    with pytest.raises(InputError, match="state belongs to another model"):
        streaming.join([streaming.start(), other.start()])
