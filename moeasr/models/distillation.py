"""Distillation: a student model learns from a trained teacher as well as from the transcripts."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.outputs import LossOutput
from moeasr.nn.mask import make_valid_mask
from moeasr.ranges import check_weight


@dataclass(frozen=True, kw_only=True)
class DistillationConfig:
    """The `distillation:` section: the teacher and the weights of its losses.

    The shared-expert Conformer (arXiv 2209.08326) distils the whole encoder. The form of the losses
    and their weights are our choice.
    """

    teacher: str | None = None
    """Checkpoint of the teacher; null for none."""
    ctc_weight: float = 0.5
    """Weight of the divergence from the teacher's CTC posteriors, summed over frames."""
    encoder_weight: float = 0.1
    """Weight of the squared distance from the teacher's encoder output, summed over frames."""
    temperature: float = 1.0
    """Temperature that divides the CTC logits of both models."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        check_weight("ctc_weight", self.ctc_weight)
        check_weight("encoder_weight", self.encoder_weight)
        if not 0 < self.temperature < math.inf:
            raise InputError(f"`temperature` must be above 0, but is {self.temperature}")
        if self.teacher is not None and self.ctc_weight == self.encoder_weight == 0:
            raise InputError(
                "`ctc_weight` and `encoder_weight` are both 0, so nothing is learned from the "
                "`teacher`"
            )


class Distillation:
    """The training loss of a student: its own loss plus its distance from a teacher.

    The teacher receives the same augmented features and chunks, in eval mode and without gradients.
    It is not a submodule of the student, so training and checkpoints of the student do not affect
    its weights or mode.

    Args:
        student: The model being trained.
        teacher: The trained model.
        config: Weights of the losses.

    Raises:
        InputError: The outputs of teacher and student are not comparable.
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
        num_views: int = 1,
    ) -> LossOutput:
        """Compute the student's own loss plus the losses `distill_ctc` and `distill_encoder`.

        In eval mode, on development data, only the loss from the transcripts counts. Dev losses
        therefore stay comparable with those of models without a teacher.
        """
        student = self._student
        if not student.training:
            return student(feats, feats_lens, tokens, tokens_lens, languages, num_views)
        chunk_size = student.draw_chunk_size(feats.size(1))
        encoded = student.encode(feats, feats_lens, chunk_size, languages=languages)
        output = student.loss_of_encoded(encoded, tokens, tokens_lens, num_views)
        with torch.no_grad():
            teacher_enc = self._teacher.encode(
                feats, feats_lens, chunk_size, languages=languages
            ).enc
            teacher_logits = self._teacher.ctc.project(teacher_enc)
        valid_mask = make_valid_mask(encoded.enc_lens, encoded.enc.size(1))
        loss, extra = output.loss, {}
        if self._config.ctc_weight > 0:  # otherwise the heads may have no training
            temperature = self._config.temperature
            ctc = posterior_divergence(
                student.ctc.project(encoded.enc), teacher_logits, valid_mask, temperature
            )
            loss = loss + self._config.ctc_weight * ctc
            extra["loss_distill_ctc"] = ctc
        if self._config.encoder_weight > 0:  # otherwise the widths may differ
            encoder = state_distance(encoded.enc, teacher_enc, valid_mask)
            loss = loss + self._config.encoder_weight * encoder
            extra["loss_distill_encoder"] = encoder
        extra["loss"] = loss
        stats = {**output.stats, **{name: value.detach() for name, value in extra.items()}}
        return output._replace(loss=loss, stats=stats)


def check_teacher(student: AsrModel, teacher: AsrModel, config: DistillationConfig) -> None:
    """Raise `InputError` unless the outputs are comparable frame by frame and unit by unit."""

    def refuse(reason: str) -> None:
        raise InputError(f"the teacher {config.teacher} cannot teach this model: {reason}")

    if teacher.vocab_size != student.vocab_size:
        refuse(f"it has {teacher.vocab_size} units, but this model has {student.vocab_size}")
    if teacher.subsampling_rate != student.subsampling_rate:
        refuse(
            f"its subsampling rate is {teacher.subsampling_rate}, but this model's is "
            f"{student.subsampling_rate}"
        )
    if teacher.cmvn.mean.numel() != student.cmvn.mean.numel():
        refuse(
            f"it uses {teacher.cmvn.mean.numel()} mel bins, but this model uses "
            f"{student.cmvn.mean.numel()}"
        )
    for model, owner in ((teacher, "the teacher"), (student, "this model")):
        if config.ctc_weight > 0 and "ctc" not in model.heads:
            refuse(
                f"{owner} has `model.ctc_weight: 0`, so its CTC posteriors have no training; set "
                "`distillation.ctc_weight: 0` to learn only from the teacher's encoder"
            )
    widths = [model.encoder.d_model for model in (teacher, student)]
    if config.encoder_weight > 0 and widths[0] != widths[1]:
        refuse(
            f"its encoder has width {widths[0]}, but this model's has width {widths[1]}; set "
            "`distillation.encoder_weight: 0` to learn only from its CTC posteriors"
        )
    if student.max_chunk_size is not None and teacher.encoder.sees_future:
        refuse("this model trains in chunks, but the teacher sees future frames")
    if student.max_chunk_size is not None and teacher.max_chunk_size is None:
        refuse(
            "this model trains in chunks, but the teacher was trained without (`dynamic_chunk: "
            "false`)"
        )
    if teacher.languages != student.languages and teacher.languages:
        refuse("it routes by other languages")


def posterior_divergence(
    logits: Tensor, teacher_logits: Tensor, valid_mask: Tensor, temperature: float
) -> Tensor:
    """Compute the divergence of the student's CTC posteriors from those of the teacher.

    It is tau^2 times the sum over valid frames of KL(softmax(teacher / tau) || softmax(student /
    tau)) (Hinton et al., 2015, arXiv 1503.02531).

    Args:
        logits: CTC logits of the student, (B, T', V).
        teacher_logits: CTC logits of the teacher, (B, T', V).
        valid_mask: (B, T') bool, False for padding.
        temperature: Temperature tau.
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
    """Sum the mean squared difference of encoder output (B, T', D) over valid frames."""
    dtype = torch.promote_types(enc.dtype, torch.float32)  # bfloat16 is too coarse for the sum
    difference = enc[valid_mask].to(dtype) - teacher_enc[valid_mask].to(dtype)
    return difference.square().mean(dim=-1).sum()
