"""WeNet's model directories: train.yaml, final.pt, units.txt, global_cmvn.

What is said of WeNet was read off its code at commit 0154699 (2025-12-19), whose outputs the tests
hold ours to; WeNet 2 computes the same, and writes train.yaml in another form (`data_settings`).
WeNet 1 does too, except that the epsilon of its norms was 1e-12 until January 2022. Here it is
1e-5, the value with which WeNet 2 and 3 decode such a model. Where WeNet's model differs from ours:

    part             WeNet's                                  here
    attention        by the position of keys, not of          `encoder.attention: key_position`
                     distances: no relative shift
    positions        a table in float32, of 5000 frames       the same float32 values, without end
    front end        its output times sqrt(D)                 sqrt(D) goes into the projection
    after the stack  a further norm, `after_norm`             `encoder.final_norm: true`
    convolution      batch norm, if not layer norm            folded into the depthwise convolution
                     edges of a centred one: zeros behind     `encoder.conv_edges: after_gate`; an
                     the gate, but padding frames within a    utterance's output is as alone
                     batch are not zero there
    decoders         relu by default                          `decoder.feed_forward.activation`
    biases           each kind may be left out                zeros
    units            <sos/eos> last in older models           moved to third place, with the weights
    CMVN             variance at least 1e-20                  mean and istd as they are
    experts          run on padding frames too                not; those frames reach no others
    filter banks     20 Hz to half the rate, whole windows    `fbank`, stored in the checkpoint
"""
