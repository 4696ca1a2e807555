"""Distillation: a small model learns from a trained one as well as from the transcripts."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.outputs import LossOutput
from moeasr.nn.mask import make_valid_mask


@dataclass(frozen=True, kw_only=True)
class DistillationConfig:
    """The `distillation:` section: which teacher, and how much it is listened to.

    Distillation in the shared-expert Conformer (arXiv 2209.08326) is on the whole encoder; the
    forms of the losses and their weights are our choice.
    """

    teacher: str | None = None
    """Checkpoint of the teacher; null for none."""
    ctc_weight: float = 0.5
    """Weight of the divergence from the teacher's CTC posteriors, summed over frames."""
    encoder_weight: float = 0.1
    """Weight of the squared distance from the teacher's encoder states, summed over frames."""
    temperature: float = 1.0
    """Softens both models' CTC posteriors."""

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("ctc_weight", "encoder_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"`{name}` must be 0 or more, but is {getattr(self, name)}")
        if not 0 < self.temperature < math.inf:
            raise InputError(f"`temperature` must be above 0, but is {self.temperature}")
        if self.teacher is not None and self.ctc_weight == self.encoder_weight == 0:
            raise InputError(
                "there is a `teacher`, but both weights are 0: nothing is learnt of it"
            )


class Distillation:
    """The training loss of a student: its own, and its distance from a teacher.

    The teacher hears the same augmented features in the same chunks, in eval mode, without
    gradients. It is no part of the student: neither its weights nor its mode are touched by the
    student's training or checkpoints.

    Args:
        student: The model being trained.
        teacher: The trained model.
        config: Weights of the losses.

    Raises:
        InputError: The teacher's outputs cannot be compared with the student's.
    """

    def __init__(self, student: AsrModel, teacher: AsrModel, config: DistillationConfig) -> None:
        check_teacher(student, teacher, config)
        self._student = student
        self._teacher = teacher.eval().requires_grad_(False)
        self._config = config

    def loss(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        tokens: Tensor,
        tokens_lens: Tensor,
        languages: Tensor | None = None,
    ) -> LossOutput:
        """As `AsrModel.forward`, with the losses `distill_ctc` and `distill_encoder` added.

        On development data, where the student is in eval mode, the transcripts alone count: dev
        losses stay comparable with those of models without a teacher.
        """
        student = self._student
        if not student.training:
            return student(feats, feats_lens, tokens, tokens_lens, languages)
        chunk_size = student.draw_chunk_size(feats.size(1))
        encoded = student.encode(feats, feats_lens, chunk_size, languages=languages)
        output = student.loss_of_encoded(encoded, tokens, tokens_lens)
        with torch.no_grad():
            teacher_enc = self._teacher.encode(
                feats, feats_lens, chunk_size, languages=languages
            ).enc
            teacher_logits = self._teacher.ctc.project(teacher_enc)
        valid_mask = make_valid_mask(encoded.enc_lens, encoded.enc.size(1))
        ctc = posterior_divergence(
            student.ctc.project(encoded.enc), teacher_logits, valid_mask, self._config.temperature
        )
        loss = output.loss + self._config.ctc_weight * ctc
        extra = {"loss_distill_ctc": ctc}
        if self._config.encoder_weight > 0:  # else their widths may differ
            encoder = state_distance(encoded.enc, teacher_enc, valid_mask)
            loss = loss + self._config.encoder_weight * encoder
            extra["loss_distill_encoder"] = encoder
        extra["loss"] = loss
        stats = {**output.stats, **{name: value.detach() for name, value in extra.items()}}
        return output._replace(loss=loss, stats=stats)


def check_teacher(student: AsrModel, teacher: AsrModel, config: DistillationConfig) -> None:
    """Refuse a teacher whose outputs cannot be compared frame by frame and unit by unit."""

    def refuse(reason: str) -> None:
        raise InputError(f"the teacher {config.teacher} cannot teach this model: {reason}")

    if teacher.vocab_size != student.vocab_size:
        refuse(f"it has {teacher.vocab_size} units, this model {student.vocab_size}")
    if teacher.subsampling_rate != student.subsampling_rate:
        refuse(
            f"it makes one frame of {teacher.subsampling_rate}, this model of "
            f"{student.subsampling_rate}"
        )
    if teacher.cmvn.mean.numel() != student.cmvn.mean.numel():
        refuse(
            f"it hears {teacher.cmvn.mean.numel()} mel bins, this model {student.cmvn.mean.numel()}"
        )
    widths = [model.encoder.d_model for model in (teacher, student)]
    if config.encoder_weight > 0 and widths[0] != widths[1]:
        refuse(
            f"its encoder states have width {widths[0]}, this model's {widths[1]}; set "
            "`distillation.encoder_weight: 0` to learn from its CTC posteriors alone"
        )
    if student.max_chunk_size is not None and teacher.encoder.sees_future:
        refuse("this model trains in chunks, and its convolutions see the future")
    if student.max_chunk_size is not None and teacher.max_chunk_size is None:
        refuse("this model trains in chunks, and it did not (`dynamic_chunk: false`)")
    if teacher.languages != student.languages and teacher.languages:
        refuse("it routes by other languages")


def posterior_divergence(
    logits: Tensor, teacher_logits: Tensor, valid_mask: Tensor, temperature: float
) -> Tensor:
    """tau^2 sum over valid frames of KL(softmax(teacher / tau) || softmax(student / tau)).

    Hinton et al., 2015 (arXiv 1503.02531), on CTC's posteriors of each frame.

    Args:
        logits: (B, T', V).
        teacher_logits: (B, T', V).
        valid_mask: (B, T') bool.
        temperature: tau.
    """
    student, teacher = (
        (x[valid_mask].to(torch.promote_types(x.dtype, torch.float32)) / temperature).log_softmax(
            dim=-1
        )
        for x in (logits, teacher_logits)
    )
    divergence = F.kl_div(student, teacher, reduction="sum", log_target=True)
    return divergence * temperature**2


def state_distance(enc: Tensor, teacher_enc: Tensor, valid_mask: Tensor) -> Tensor:
    """Sum over valid frames of the mean squared difference of (B, T', D) encoder states."""
    dtype = torch.promote_types(enc.dtype, torch.float32)  # sums in bfloat16 lose the differences
    difference = enc[valid_mask].to(dtype) - teacher_enc[valid_mask].to(dtype)
    return difference.square().mean(dim=-1).sum()
