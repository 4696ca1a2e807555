"""WeNet model directories: train.yaml, final.pt, units.txt and global_cmvn.

Statements about WeNet refer to its code at commit 0154699 (2025-12-19). The tests compare our
outputs with those of this version. WeNet 2 computes the same, but writes train.yaml in another form
(`data_settings`). WeNet 1 also computes the same, except that the epsilon of its norms was 1e-12
until January 2022. Here it is 1e-5, the value with which WeNet 2 and 3 decode such a model. The
differences between WeNet's model and ours are:

    component        WeNet                                    moeasr
    attention        depends on the position of keys, not     `encoder.attention: key_position`
                     on distances (no relative shift)
    positions        a float32 table of 5000 frames           the same values, for any length
    front end        output multiplied by sqrt(D)             sqrt(D) is part of the projection
    after the stack  an additional norm, `after_norm`         `encoder.final_norm: true`
    convolution      batch norm or layer norm                 a batch norm is folded into the
                                                              depthwise convolution
                     a centred convolution pads the edges     `encoder.conv_edges: after_gate`;
                     with zeros after the gate, but padding   the output of an utterance does not
                     frames in a batch are not zero there     depend on padding
    decoders         relu by default                          `decoder.feed_forward.activation`
    biases           each kind is optional                    zeros if missing
    units            <sos/eos> is last in older models        moved to index 2, with its weights
    CMVN             variance of at least 1e-20               mean and istd unchanged
    experts          also process padding frames              process valid frames only, with the
                                                              same output for these
    filter banks     20 Hz to half the rate, whole windows    `fbank`, stored in the checkpoint
"""
