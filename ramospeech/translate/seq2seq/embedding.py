"""What the networks that write characters for syllables begin with."""

from torch import Tensor, nn

from ramospeech.translate.error_model import FORMS


class EmbeddingNetwork(nn.Module):
    """A network with embeddings of `syllables` syllable ids and `characters` characters, of `width` each.

    The base has an embedding of its own, so that a syllable with a wrong tone is still informative.
    """

    def __init__(self, syllables: int, characters: int, width: int) -> None:
        super().__init__()
        self.syllable = nn.Embedding(syllables, width)
        self.base = nn.Embedding(1 + syllables // FORMS, width)
        self.character = nn.Embedding(characters, width)

    def embedded(self, syllables: Tensor) -> Tensor:
        """Return the sums (B, U, width) of the embeddings of syllable ids (B, U) and of their bases."""
        return self.syllable(syllables) + self.base((syllables + FORMS - 1) // FORMS)
