"""One BERT over word pieces and picture regions: regions stand behind the pieces as tokens of type 1.

Source: RpBERT (Sun et al., AAAI 2021), steps 1 to 3 of golden/OLDER.md 4 and its note on the first release.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mner.data.batch import TextInput, Visual
from mner.models.cards import ContractError
from mner.models.encoders import TextEncoder
from mner.models.system import one_of

PLACEMENTS = {
    "projection": "r scales the projected region, before position, type and norm (2022 rewrite)",
    "embedding": "r scales the complete visual token, after them (first release)",
}
POSITIONS = {
    "padded": "visual positions follow the padded text: emissions depend on the batch's longest tweet (rewrite)",
    "packed": "visual positions follow the tweet's own last piece (first release)",
}


class JointBert(nn.Module):
    """Last-layer states of all pieces, then of all regions; absent regions are never attended to.

    Every layer sees the picture, so frozen layers of ``encoder`` are run, not read from ``TextInput.states``:
    their weights stay, and gradients pass through them to the regions' projection.

    Raises:
        ContractError: an unknown option, or an encoder without a second token type for the regions.
    """

    def __init__(self, encoder: TextEncoder, visual_size: int, placement: str, positions: str) -> None:
        super().__init__()
        if not encoder.is_stack or getattr(encoder.bert.config, "type_vocab_size", 1) < 2:
            raise ContractError("regions need BERT's token type 1, and this encoder has one type: choose a BERT")
        self.placement = one_of("placement", placement, PLACEMENTS)
        self.positions = one_of("positions", positions, POSITIONS)
        self.encoder = encoder
        self.projection = nn.Linear(visual_size, encoder.width)

    def forward(
        self, text: TextInput, image: Visual, scale: Float[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch joint width"]:
        """``scale`` is the factor r on each picture; None leaves pictures as they are.

        Raises:
            ContractError: more pieces and regions than the encoder has positions.
        """
        states = self._embedded(text, image, scale)
        visible = torch.cat([text.attention_mask, image.mask], 1)[:, None, None, :]
        visible = visible.expand(-1, 1, states.shape[1], -1)
        for layer in self.encoder.bert.encoder.layer:
            output = layer(states, visible)
            states = output[0] if isinstance(output, tuple) else output
        return states

    def _embedded(self, text: TextInput, image: Visual, scale: Tensor | None) -> Tensor:
        embeddings, pieces = self.encoder.bert.embeddings, text.input_ids.shape[1]
        factor = 1.0 if scale is None else scale[:, None, None]
        regions = self.projection(image.regions)
        if self.placement == "projection":
            regions = factor * regions
        is_region = torch.cat([torch.zeros_like(text.attention_mask), torch.ones_like(image.mask)], 1)
        states = embeddings(
            inputs_embeds=torch.cat([embeddings.word_embeddings(text.input_ids), regions], 1),
            token_type_ids=is_region.long(),
            position_ids=self._position_ids(text, image),
        )
        if self.placement == "projection":
            return states
        return torch.cat([states[:, :pieces], factor * states[:, pieces:]], 1)

    def _position_ids(self, text: TextInput, image: Visual) -> Int[Tensor, "batch joint"]:
        (batch, pieces), regions = text.input_ids.shape, image.mask.shape[1]
        limit = self.encoder.bert.config.max_position_embeddings
        if pieces + regions > limit:
            raise ContractError(
                f"{pieces} word pieces and {regions} regions exceed the encoder's {limit} positions: lower "
                "max_pieces or max_regions in params.yaml"
            )
        place = torch.arange(pieces + regions, device=text.input_ids.device).expand(batch, -1)
        if self.positions == "padded":
            return place
        padding = pieces - text.attention_mask.sum(1, keepdim=True)
        return torch.where(place < pieces, place, place - padding)


def mean_piece_vectors(
    pieces: Float[Tensor, "batch pieces width"], text: TextInput
) -> Float[Tensor, "batch words width"]:
    """Mean over each word's pieces, zero for words without one.

    A word's pieces reach from its first one to before the next word's, or before [SEP], the last piece of all.
    """
    end = text.attention_mask.sum(1, keepdim=True) - 1
    first = torch.where(text.first_piece >= 0, text.first_piece, end)
    following = torch.cat([first[:, 1:], end], 1).flip(1).cummin(1).values.flip(1)
    place = torch.arange(pieces.shape[1], device=pieces.device)
    inside = (place >= first[..., None]) & (place < following[..., None])
    weight = inside.to(pieces.dtype)
    return weight @ pieces / weight.sum(-1, keepdim=True).clamp(min=1)
