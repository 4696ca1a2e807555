"""Parameters that are not trained in the first epochs, or never."""

from collections.abc import Sequence

from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.module_names import find_parameters, name_frozen
from moeasr.train.config import FreezeConfig

logger = get_logger(__name__)


def frozen_parameters(
    model: nn.Module, config: Sequence[FreezeConfig], epoch: int
) -> set[nn.Parameter]:
    """Return the parameters of a model that are frozen in an epoch.

    Args:
        model: The model.
        config: The list `train.freeze`.
        epoch: Number of the epoch, from 1.

    Raises:
        InputError: A name fits no module of the model.
    """
    frozen = set()
    for entry in config:
        chosen = find_parameters(model, entry.modules, "train.freeze.modules")
        chosen -= find_parameters(model, entry.except_, "train.freeze.except")
        if entry.until_epoch is None or epoch <= entry.until_epoch:
            frozen |= chosen
    return frozen


def warn_of_frozen_new(
    model: nn.Module, config: Sequence[FreezeConfig], max_epochs: int, new: Sequence[str]
) -> None:
    """Warn if no epoch trains some weights that are random in a model with trained weights.

    Args:
        model: The model.
        config: The list `train.freeze`.
        max_epochs: Number of the last epoch, which trains most parameters.
        new: Paths of the modules with weights that are not trained yet.
    """
    if names := name_frozen(model, new, frozen_parameters(model, config, max_epochs)):
        logger.warning(
            "no epoch trains the new weights in %s, so that they stay random: `train.freeze` "
            "freezes them, and `init` copies no trained weights to them; leave out these modules, "
            "or set a lower `until_epoch`",
            names,
        )


def check_reached(loss: Tensor) -> None:
    """Raise `InputError` unless the loss of a training batch depends on a trained weight."""
    if not loss.requires_grad:
        raise InputError(
            "the loss depends on no weight that is trained: `train.freeze` or `adapter` leaves "
            "only weights that it does not use, such as those of a head with weight 0; train "
            "another module as well"
        )


class Freezing:
    """The choice of the parameters that each epoch trains.

    A frozen parameter gets no gradient. Gradient clipping and the optimizer, with its weight decay,
    therefore omit it, and its state in the optimizer begins with the first step that trains it.

    Args:
        model: The model. Parameters that require no gradient yet are never trained.
        config: The list `train.freeze`.

    Raises:
        InputError: A name fits no module, or the first epoch would train no parameter.
    """

    def __init__(self, model: nn.Module, config: Sequence[FreezeConfig]) -> None:
        self._model, self._config = model, config
        self._names = {name for name, p in model.named_parameters() if p.requires_grad}
        if config and not self._trained(epoch=1):
            raise InputError("`train.freeze` leaves no parameter for epoch 1 to train")

    def start_epoch(self, epoch: int) -> None:
        """Let an epoch train the parameters that are not frozen in it."""
        trained = self._trained(epoch)
        parameters = dict(self._model.named_parameters())
        changed = [
            name for name in self._names if parameters[name].requires_grad != (name in trained)
        ]
        for name in changed:
            parameters[name].requires_grad_(name in trained)
        if changed:
            counts = [sum(parameters[n].numel() for n in names) for names in (trained, parameters)]
            millions = (count / 1e6 for count in counts)
            logger.info(
                "from epoch %d on, %.2f M of %.2f M parameters are trained (`train.freeze`)",
                epoch,
                *millions,
            )

    def _trained(self, epoch: int) -> set[str]:
        """Return the names of the parameters that an epoch trains."""
        frozen = frozen_parameters(self._model, self._config, epoch)
        parameters = self._model.named_parameters()
        return {name for name, p in parameters if name in self._names and p not in frozen}
