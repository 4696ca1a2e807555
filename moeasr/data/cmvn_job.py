"""CMVN statistics of single utterances, for processes that share a set."""

from dataclasses import dataclass

from moeasr.data.data_type import UtteranceReader
from moeasr.datadir.utterances import Utterances
from moeasr.errors import naming
from moeasr.features.cmvn import CmvnStats


@dataclass(frozen=True)
class CmvnJob:
    """CMVN statistics of single utterances. Their sum does not depend on the number of jobs."""

    utterances: Utterances
    reader: UtteranceReader

    def stats_of(self, index: int) -> CmvnStats:
        """Return the statistics of an utterance.

        Raises:
            InputError: The features cannot be read or are not finite, or another error occurred
                for this utterance.
        """
        utterance = self.utterances[index]
        with naming(f"utterance {utterance.utt_id}"):
            return CmvnStats.of(self.reader.read(utterance))
