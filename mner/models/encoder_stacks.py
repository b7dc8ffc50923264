"""Run a transformer up to a layer, and on from there, so that the states of frozen layers can be cached.

BERT, RoBERTa and their kin are stacks of layers that are called here one by one. MPNet (Song et al. 2020) is one
too: it takes an additive mask, and one bias of relative positions that all its layers share. Every other
architecture runs through its own ``forward`` in transformers, which is stopped behind a layer or resumed there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mner.data.batch import TextInput
from mner.models.encoder_places import EncoderError

STACKED = ("bert", "camembert", "mpnet", "roberta", "xlm-roberta")
"""Values of ``config.model_type`` whose layers are called one by one."""


def supported_attention(config: Any) -> str:
    """Name the attention that a model is loaded with: ``sdpa`` where its class has it, else ``eager``."""
    from transformers import MODEL_MAPPING

    found = MODEL_MAPPING.get(type(config), None)
    return "sdpa" if getattr(found, "_supports_sdpa", True) else "eager"


class EncoderStack(Protocol):
    """An encoder seen as layers; states are ``[batch, subwords, width]``."""

    depth: int

    def frozen_parts(self, count: int) -> list[nn.Module]:
        """List the modules that must not change if the states after ``count`` > 0 layers are to stay fixed."""

    def below(self, text: TextInput, count: int) -> Tensor:
        """Give the states after the embeddings and the first ``count`` layers."""

    def above(self, states: Tensor, text: TextInput, count: int) -> Tensor:
        """Give the last states, from those after ``count`` layers."""

    def whole(self, text: TextInput) -> Tensor:
        """Give the last states."""

    def upper(self, text: TextInput) -> tuple[Tensor, Tensor]:
        """Give the states after the last layer but one, and the last states."""


def stack_of(model: Any) -> EncoderStack:
    """Choose how a pretrained encoder is run."""
    return LayerStack(model) if model.config.model_type in STACKED else ForwardStack(model)


class LayerStack:
    """Embeddings and layers called one by one; padded keys are never attended to."""

    def __init__(self, bert: Any) -> None:
        self.bert = bert
        self.depth = len(bert.encoder.layer)

    def frozen_parts(self, count: int) -> list[nn.Module]:
        # One table of relative positions serves all layers: states are only fixed if it is.
        shared = _relative_bias_table(self.bert)
        return [self.bert.embeddings, *self.bert.encoder.layer[:count], *([shared] if shared else [])]

    def below(self, text: TextInput, count: int) -> Tensor:
        return self._layers(self.bert.embeddings(input_ids=text.input_ids), text, 0, count)

    def above(self, states: Tensor, text: TextInput, count: int) -> Tensor:
        return self._layers(states, text, count, self.depth)

    def whole(self, text: TextInput) -> Tensor:
        return self.above(self.below(text, 0), text, 0)

    def upper(self, text: TextInput) -> tuple[Tensor, Tensor]:
        states = self.below(text, self.depth - 1)
        return states, self.above(states, text, self.depth - 1)

    def _layers(self, states: Tensor, text: TextInput, first: int, last: int) -> Tensor:
        arguments = _layer_arguments(self.bert, states, text.attention_mask)
        for layer in self.bert.encoder.layer[first:last]:
            states = _states(layer(states, *arguments))
        return states


class ForwardStack:
    """An architecture run by its own ``forward``.

    With frozen layers, whatever stands outside the layers is frozen too: norms, tables of relative positions and
    convolutions may serve frozen and trained layers alike.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.depth = int(model.config.num_hidden_layers)
        self._layers = _layers_of(model, self.depth)
        self._outputs = 0  # how many values a layer returns, 0 for a bare tensor; learnt when layers are frozen

    def frozen_parts(self, count: int) -> list[nn.Module]:
        layers = self._checked_layers()
        self._outputs = _values_returned(self.model, layers)
        trained = {module for layer in layers[count:] for module in layer.modules()}
        return [module for module in self.model.modules() if trained.isdisjoint(module.modules())]

    def below(self, text: TextInput, count: int) -> Tensor:
        reached: list[Tensor] = []

        def stop(layer: nn.Module, arguments: Any, output: Any) -> None:
            reached.append(_states(output))
            raise _ReachedError

        handle = self._checked_layers()[count - 1].register_forward_hook(stop)
        try:
            self.whole(text)
        except _ReachedError:
            return reached[0]
        finally:
            handle.remove()
        raise EncoderError(f"{type(self.model).__name__}: its forward does not call layer {count}")

    def above(self, states: Tensor, text: TextInput, count: int) -> Tensor:
        with self._passing(states, count):
            return self.whole(text)

    def whole(self, text: TextInput) -> Tensor:
        return _run(self.model, text.input_ids, text.attention_mask)

    def upper(self, text: TextInput) -> tuple[Tensor, Tensor]:
        output = self.model(
            input_ids=text.input_ids, attention_mask=text.attention_mask.long(), output_hidden_states=True
        )
        return output.hidden_states[-2], output.last_hidden_state

    def _checked_layers(self) -> nn.ModuleList:
        if self._layers is None:
            raise EncoderError(
                f"{type(self.model).__name__}: its layers share their weights or are no list, so that single "
                "layers cannot be frozen or read; set frozen_layers to 0"
            )
        return self._layers

    @contextmanager
    def _passing(self, states: Tensor, count: int) -> Iterator[None]:
        """Let the first ``count`` layers compute nothing; the last of them answers with ``states``."""
        layers = self._checked_layers()[:count]
        for layer in layers:
            answer = states if layer is layers[-1] else None
            layer.forward = _passed(answer, self._outputs)  # the module's own forward shows again below
        try:
            yield
        finally:
            for layer in layers:
                del layer.forward


class _ReachedError(Exception):
    """Raised by a hook behind the layer that was asked for; the layers after it need not run."""


def _passed(answer: Tensor | None, outputs: int) -> Any:
    def forward(hidden_states: Tensor, *arguments: Any, **named: Any) -> Any:
        states = hidden_states if answer is None else answer
        return (states, *[None] * (outputs - 1)) if outputs else states

    return forward


def _run(model: Any, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    return model(input_ids=input_ids, attention_mask=attention_mask.long()).last_hidden_state


def _states(output: Any) -> Tensor:
    return output[0] if isinstance(output, tuple) else output


def _layers_of(model: Any, depth: int) -> nn.ModuleList | None:
    """Find the list of layers; None where there is none, or its layers are applied more than once (ALBERT)."""
    if hasattr(model.config, "num_hidden_groups"):
        return None
    lists = (module for module in model.modules() if isinstance(module, nn.ModuleList))
    return next((found for found in lists if len(found) == depth), None)


def _values_returned(model: Any, layers: nn.ModuleList) -> int:
    """Count what a layer returns (0: a bare tensor), in a run over two subwords that must pass all layers once.

    Raises:
        EncoderError: the layers do not run one after another over ``[batch, subwords, width]``.
    """
    returned: list[Any] = []
    handles = [
        layer.register_forward_hook(lambda layer, arguments, output: returned.append(output)) for layer in layers
    ]
    was_training = model.training
    try:
        with torch.no_grad():
            ids = torch.zeros(1, 2, dtype=torch.long, device=next(model.parameters()).device)
            _run(model.eval(), ids, torch.ones_like(ids))
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    shape = (1, 2, model.config.hidden_size)
    if len(returned) != len(layers) or any(tuple(_states(output).shape) != shape for output in returned):
        raise EncoderError(
            f"{type(model).__name__}: its layers do not run one after another; set frozen_layers to 0"
        )
    return len(returned[0]) if isinstance(returned[0], tuple) else 0


def _relative_bias_table(bert: Any) -> nn.Module | None:
    """Give the table of relative positions that all layers share; None where the encoder has none."""
    return getattr(bert.encoder, "relative_attention_bias", None)


def _layer_arguments(
    bert: Any, states: Float[Tensor, "batch pieces width"], attention_mask: Bool[Tensor, "batch pieces"]
) -> tuple[Tensor, ...]:
    """Give what each layer takes behind the states; padded keys are never attended to."""
    visible = attention_mask[:, None, None, :].expand(-1, 1, attention_mask.shape[1], -1)
    if _relative_bias_table(bert) is None:
        return (visible,)
    hidden = torch.zeros((), dtype=states.dtype, device=states.device).expand(visible.shape)
    additive = hidden.masked_fill(~visible, torch.finfo(states.dtype).min)
    # One row: the bias depends on places alone and is added to all sentences alike.
    return additive, bert.encoder.compute_position_bias(states[:1])
