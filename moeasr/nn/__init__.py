"""Neural building blocks of the Conformer.

Shape letters, used throughout the package:

    B utterances        T frames            T' frames after subsampling    S samples
    F mel bins          D model width       H heads                        M feed-forward width
    U target tokens     V vocabulary        N valid frames, flattened      E experts
    K experts per frame L layers            C context width

`valid_mask` is True for frames that are not padding; `moeasr.nn.valid_frames.ValidFrames` also has
their indices. An attention mask is True where a query may
attend to a key. Lengths are absolute int64 tensors of shape (B,), never fractions.
"""
