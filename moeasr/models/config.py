"""The `model:` section of an experiment's YAML; its subsections are defined with their modules."""

from dataclasses import dataclass, field

from moeasr.config_roles import OBJECTIVE
from moeasr.errors import InputError
from moeasr.families import is_import_path
from moeasr.labels import Labels
from moeasr.models.embedding import EmbeddingConfig
from moeasr.models.encoders.block_encoder_config import BlockEncoderConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.encoders.encoders import AnyEncoder
from moeasr.models.heads.attention_head import AttentionConfig
from moeasr.models.heads.ctc_head import CtcConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.heads.group_head import GroupConfig
from moeasr.models.heads.head import HeadConfig
from moeasr.models.heads.heads import AnyHead
from moeasr.models.intermediate_ctc import IntermediateCtcConfig
from moeasr.models.weight_schedule import check_schedule
from moeasr.moe.losses import find_routing_loss
from moeasr.ranges import check_fraction, check_heads, check_weight


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The whole recogniser: encoder, heads and the weights of their losses."""

    encoder: AnyEncoder = ConformerConfig()
    """The shared encoder."""
    embedding: EmbeddingConfig | None = None
    """SpeechMoE's embedding network; null for none."""
    languages: tuple[str, ...] = ()
    """Languages of the corpus, with the names in its `utt2lang`, for `router: language`."""
    decoder: DecoderConfig = DecoderConfig()
    """The attention decoders."""
    ctc_weight: float = field(default=0.3, metadata=OBJECTIVE)
    """Weight lambda in the loss L = lambda CTC + (1 - lambda) attention."""
    ctc_weight_schedule: tuple[tuple[float, ...], ...] = field(default=(), metadata=OBJECTIVE)
    """Pairs [step, weight] between which training interpolates `ctc_weight` linearly, such as
    [[0, 0.9], [2000, 0.3]]. The last weight is `ctc_weight`; empty for a constant weight."""
    intermediate_ctc: IntermediateCtcConfig = IntermediateCtcConfig()
    """CTC losses of blocks in the middle of the encoder."""
    reverse_weight: float = field(default=0.3, metadata=OBJECTIVE)
    """Share of the right-to-left decoder in the attention loss; 0 without this decoder."""
    label_smoothing: float = field(default=0.1, metadata=OBJECTIVE)
    """Probability mass that the attention loss moves from the correct token to all tokens."""
    heads: dict[str, AnyHead] = field(default_factory=dict)
    """Additional heads by name, such as one of `type: group` for `router: learned_group`. The keys
    above describe the heads `ctc` and `attention`."""
    consistency_weight: float = field(default=0.0, metadata=OBJECTIVE)
    """Weight alpha of the divergence between the CTC posteriors of two differently masked views of
    each utterance, relative to the CTC loss (CR-CTC, arXiv 2410.05101; 0.2 in the paper). 0 trains
    with one view. Two views double the frames of a batch, and so its memory and time."""
    routing_losses: dict[str, float] = field(default_factory=dict, metadata=OBJECTIVE)
    """Weights of routing losses by name in `moeasr.moe.losses.ROUTING_LOSSES`, or by import path.
    Each loss is summed over MoE layers. A weight of 0 omits the loss."""

    def __post_init__(self) -> None:
        """Check that all values are in range and compatible."""
        check_fraction("ctc_weight", self.ctc_weight)
        check_fraction("reverse_weight", self.reverse_weight)
        if self.reverse_weight == 1:
            raise InputError(
                "`reverse_weight` must be below 1, because every search needs the left-to-right "
                "decoder, which would not be trained"
            )
        check_fraction("label_smoothing", self.label_smoothing)
        check_weight("consistency_weight", self.consistency_weight)
        if self.reverse_weight > 0 and self.decoder.num_reverse_blocks == 0:
            raise InputError("`reverse_weight` must be 0 when `decoder.num_reverse_blocks` is 0")
        if self.decoder.num_blocks > 0:
            heads = self.decoder.num_heads
            check_heads("encoder.d_model", self.encoder.d_model, "decoder.num_heads", heads)
        elif self.ctc_weight < 1:
            raise InputError(
                f"`ctc_weight` must be 1 when `decoder.num_blocks` is 0, but is {self.ctc_weight}"
            )
        for name in ("ctc", "attention"):
            if name in self.heads:
                raise InputError(
                    f"`heads.{name}`: a head of this name already exists; set `ctc_weight` instead"
                )
        self._check_ctc()
        self._check_embedding()
        self._check_languages()
        self._check_heads()
        self._check_groups()
        self._check_losses()

    @property
    def all_heads(self) -> dict[str, HeadConfig]:
        """Sections of all heads by name, including heads of weight 0."""
        heads: dict[str, HeadConfig] = {"ctc": CtcConfig(weight=self.ctc_weight)}
        if self.decoder.num_blocks > 0:
            heads["attention"] = AttentionConfig(
                weight=1 - self.ctc_weight,
                decoder=self.decoder,
                reverse_weight=self.reverse_weight,
                label_smoothing=self.label_smoothing,
            )
        return {**heads, **self.heads}

    @property
    def contexts(self) -> set[str]:
        """Kinds of router context that the encoder's routers need."""
        return {part.context for part in self.encoder.feed_forwards.values() if part.context}

    @property
    def group_head(self) -> GroupConfig | None:
        """The section of the head that chooses groups of experts, or None."""
        heads = [head for head in self.heads.values() if isinstance(head, GroupConfig)]
        return heads[0] if heads else None

    @property
    def labels(self) -> Labels:
        """The labels that training needs: languages, or the labels of a head."""
        of_heads = [head.label_set for head in self.heads.values() if head.label_set.names]
        return of_heads[0] if of_heads else Labels(self.languages)

    def check_routing_losses(self) -> None:
        """Raise `InputError` unless all routing losses can be imported, as only training needs."""
        for name in self.routing_losses:
            find_routing_loss(name)

    def _check_ctc(self) -> None:
        blocks = self.intermediate_ctc.blocks
        if self.ctc_weight == 0 and (self.consistency_weight > 0 or blocks):
            key = "consistency_weight" if self.consistency_weight > 0 else "intermediate_ctc"
            raise InputError(f"`{key}` needs a CTC loss, but `ctc_weight` is 0")
        if self.ctc_weight_schedule:
            if not 0 < self.ctc_weight < 1:
                raise InputError(
                    "`ctc_weight_schedule` needs a `ctc_weight` above 0 and below 1, but it is "
                    f"{self.ctc_weight}"
                )
            check_schedule("ctc_weight_schedule", self.ctc_weight_schedule, self.ctc_weight)
        if not blocks:
            return
        if not isinstance(self.encoder, BlockEncoderConfig):
            raise InputError("`intermediate_ctc` needs an encoder that consists of blocks")
        if blocks[-1] >= self.encoder.num_blocks:
            raise InputError(
                "`intermediate_ctc.blocks` must be below the number of encoder blocks "
                f"({self.encoder.num_blocks}), but contains {blocks[-1]}"
            )

    def _check_embedding(self) -> None:
        wanted = "embedding" in self.contexts
        if wanted and self.embedding is None:
            raise InputError(
                "`router: embedding` needs an `embedding` section for SpeechMoE's embedding network"
            )
        if self.embedding is None:
            return
        if not wanted:
            raise InputError(
                "there is an `embedding` section, but no feed-forward of the encoder uses it by "
                "`router: embedding`; remove the section, or set this router"
            )
        if self.embedding.encoder.sees_future and not self.encoder.sees_future:
            raise InputError(
                "`embedding.encoder.causal_conv` must be true, and none of its routers may read "
                "later frames, if this holds for `encoder`: otherwise the encoder would see future "
                "frames through the embeddings"
            )

    def _check_languages(self) -> None:
        wanted = "language" in self.contexts
        if wanted and len(self.languages) < 2:
            raise InputError(
                "`router: language` needs two or more `languages`, with the names in utt2lang"
            )
        if self.languages and not wanted:
            raise InputError(
                "there are `languages`, but no feed-forward of the encoder has `router: language`; "
                "remove the languages, or set this router"
            )
        if "" in self.languages:
            raise InputError("`languages` contains an empty name")
        if len(set(self.languages)) < len(self.languages):
            raise InputError(f"`languages` contains a name twice: {', '.join(self.languages)}")
        for head in self.all_heads.values():
            for key, part in head.feed_forwards.items():
                if part.sees_future:
                    raise InputError(
                        f"`{key}.router` cannot be one that reads later frames: a decoder predicts "
                        "each token from the previous ones"
                    )
                if part.context:
                    raise InputError(
                        f"`{key}.router` cannot be {part.context}: this router needs frames, but "
                        "a decoder processes tokens"
                    )

    def _check_heads(self) -> None:
        labelled = [name for name, head in self.heads.items() if head.label_set.names]
        if len(labelled) > 1:
            raise InputError(f"only one head may have `labels`, but {' and '.join(labelled)} do")
        for name, head in self.heads.items():
            if not name.isidentifier():
                raise InputError(
                    f"`heads` contains the name '{name}'; use letters, digits and underscores"
                )
            try:
                head.check_encoder(self.encoder)
            except InputError as error:
                raise InputError(f"`heads.{name}`: {error}") from None

    def _check_groups(self) -> None:
        contexts = sorted(self.contexts)
        if len(contexts) > 1:
            names = " and ".join(f"`router: {context}`" for context in contexts)
            raise InputError(f"{names} cannot be combined")
        heads = [name for name, head in self.heads.items() if isinstance(head, GroupConfig)]
        if "learned_group" not in contexts:
            if heads:
                raise InputError(
                    f"`heads.{heads[0]}` chooses groups of experts, but no feed-forward of the "
                    "encoder has `router: learned_group`; remove the head, or set this router"
                )
            return
        if not heads:
            raise InputError(
                "`router: learned_group` needs a head of `type: group` in `heads`, which chooses "
                "the group of each frame"
            )
        if not isinstance(self.encoder, BlockEncoderConfig):
            raise InputError("`router: learned_group` needs an encoder that consists of blocks")
        if not 1 <= self.encoder.num_dense_blocks < self.encoder.num_blocks:
            raise InputError(
                f"`router: learned_group` needs an `encoder.num_dense_blocks` from 1 to "
                f"{self.encoder.num_blocks - 1}, because the head that chooses groups reads the "
                f"last of these blocks, but it is {self.encoder.num_dense_blocks}"
            )

    def _check_losses(self) -> None:
        parts = list(self.encoder.feed_forwards.values())
        for head in self.all_heads.values():
            if head.weight > 0:  # the others do not run in training
                parts += head.feed_forwards.values()
        for name, weight in self.routing_losses.items():
            check_weight(f"routing_losses.{name}", weight)
            if not is_import_path(name):  # others are imported for training only
                find_routing_loss(name)
        # checkpoints of earlier versions name every loss, most with the weight 0
        used = {name: weight for name, weight in self.routing_losses.items() if weight > 0}
        object.__setattr__(self, "routing_losses", used)
        for name in used:
            if not any(part.learns_routing for part in parts):
                raise InputError(
                    f"`routing_losses.{name}` must be 0, because no feed-forward has a router that "
                    "learns"
                )
