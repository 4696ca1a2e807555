"""CMVN statistics utterance by utterance, for processes that share a set."""

from dataclasses import dataclass

from moeasr.data.data_type import UtteranceReader
from moeasr.datadir.utterances import Utterances
from moeasr.errors import naming
from moeasr.features.cmvn import CmvnStats


@dataclass(frozen=True)
class CmvnJob:
    """Sums over one utterance at a time: added up in order, they are the same for all shares."""

    utterances: Utterances
    reader: UtteranceReader

    def stats_of(self, index: int) -> CmvnStats:
        """The statistics of an utterance.

        Raises:
            InputError: Its features cannot be read, or are not finite, or another error came up
                with this utterance.
        """
        utterance = self.utterances[index]
        with naming(f"utterance {utterance.utt_id}"):
            return CmvnStats.of(self.reader.read(utterance))
