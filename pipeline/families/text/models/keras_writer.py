"""Keras networks as writers for `sampling.py`, and scoring of long texts."""

from functools import cached_property
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.families.text.models.common import LOGITS, TEXT, state_widths

Numbers = npt.NDArray[np.int32]

SCORED_AT_ONCE = 2**24
"""Maximum number of elements in the largest array of a call: 64 MB."""
PIECE, READ_BEFORE = 25_000, 2000
"""Characters that are scored in one piece at least, and that are read before them."""
READ_AT_ONCE = 500
"""Number of characters of a prompt read in one call."""


class KerasWriter:
    """A `Writer` that runs a network which `language_model` built.

    Args:
        model: The network; it may be trained further between calls.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self.window: int | None = next(tensor.shape[1] for tensor in model.inputs if tensor.name == TEXT)
        """Number of characters that the network reads at a time; None for a network with a state."""
        self._units = state_widths(model)
        self.size: int = model.output[LOGITS].shape[-1]
        # Elements per character: the logits, or the gates of the widest layer.
        self._width = max(self.size, *(8 * getattr(layer, "units", 0) for layer in model.layers))

    def start(self, numbers: Any) -> tuple[Any, Any]:
        """Read a prompt; see `Writer.start`."""
        if self.window is not None:
            return self._step_window(np.asarray(numbers, np.int32)[-self.window :])
        logits, state = None, self._zeros(1)
        for first in range(0, len(numbers), READ_AT_ONCE):
            logits, state = self._step_state(np.asarray(numbers[first : first + READ_AT_ONCE], np.int32), state)
        return logits, state

    def step(self, state: Any, number: int) -> tuple[Any, Any]:
        """Read one more character; see `Writer.step`."""
        if self.window is not None:
            return self._step_window(np.append(state[1:], np.int32(number)))
        return self._step_state(np.array([number], np.int32), state)

    def losses(self, numbers: Numbers, context: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Score the prediction of each character after the context.

        Args:
            numbers: Character numbers of context and text, shape (context + characters,).
            context: Number of characters that are read and not scored; at least the network's window.

        Returns:
            Losses in nats, and whether the most probable character was the correct one, each of shape (characters,).
        """
        if self.window is not None:
            return self._losses_of_windows(numbers, context, self.window)
        return self._losses_of_streams(numbers, context)

    def _losses_of_windows(self, numbers: Numbers, context: int, window: int) -> tuple[Any, Any]:
        views = np.lib.stride_tricks.sliding_window_view(numbers[context - window :], window + 1)
        size, scored = max(1, SCORED_AT_ONCE // (window * (self.size + self._width))), []
        for start in range(0, len(views), size):
            part = tf.constant(np.ascontiguousarray(views[start : start + size]))
            loss, right, _ = self._scored({TEXT: part[:, :-1]}, part[:, -1])
            scored.append((loss.numpy(), right.numpy()))
        losses, rights = (np.concatenate(parts) for parts in zip(*scored, strict=True))
        return losses, rights

    def _losses_of_streams(self, numbers: Numbers, context: int) -> tuple[Any, Any]:
        """Score a text that is read on from its context; a long one in pieces that are read in parallel.

        The first piece begins with the context, the others with the end of the piece before: a state of zeros, which
        the network hardly knows from its training, is thus left behind before anything is scored.
        """
        count = len(numbers) - context
        pieces = int(np.clip(count // PIECE, 1, 64))
        before = context if pieces == 1 else max(context, READ_BEFORE)
        length = -(-(len(numbers) - before) // pieces)
        # The last piece may be shorter: it is padded by repeating the last character, and truncated afterwards.
        indices = np.arange(pieces)[:, None] * length + np.arange(before + length)
        text = numbers[np.minimum(indices, len(numbers) - 1)]
        size = max(1, SCORED_AT_ONCE // (self._width * pieces))
        state: dict[str, tf.Tensor] = self._zeros(pieces)
        scored = []
        for start in range(0, text.shape[1] - 1, size):
            part = tf.constant(text[:, start : start + size + 1])
            loss, right, state = self._scored({TEXT: part[:, :-1], **state}, part[:, 1:])
            scored.append((loss.numpy(), right.numpy()))
        joined = [np.concatenate(parts, axis=1) for parts in zip(*scored, strict=True)]
        losses, rights = (
            np.append(rows[0, context - 1 : before - 1], rows[:, before - 1 :])[:count] for rows in joined
        )
        return losses, rights

    def _zeros(self, rows: int) -> dict[str, tf.Tensor]:
        return {name: tf.zeros([rows, units]) for name, units in self._units.items()}

    def _step_window(self, window: Numbers) -> tuple[Any, Any]:
        return self._run({TEXT: tf.constant(window[None])})[LOGITS].numpy()[0], window

    def _step_state(self, numbers: Numbers, state: Any) -> tuple[Any, Any]:
        outputs = dict(self._run({TEXT: tf.constant(numbers[None]), **state}))
        return outputs.pop(LOGITS).numpy()[0, -1], outputs

    @cached_property
    def _specs(self) -> dict[str, tf.TensorSpec]:
        states = {name: tf.TensorSpec([None, units], tf.float32) for name, units in self._units.items()}
        return {TEXT: tf.TensorSpec([None, self.window], tf.int32), **states}

    @cached_property
    def _run(self) -> Any:
        return tf.function(
            lambda inputs: self._model(inputs, training=False), input_signature=[self._specs], autograph=False
        )

    @cached_property
    def _scored(self) -> Any:
        def run(inputs: Any, labels: tf.Tensor) -> Any:
            outputs = dict(self._model(inputs, training=False))
            logits = tf.cast(outputs.pop(LOGITS), tf.float32)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            return loss, tf.argmax(logits, -1, tf.int32) == labels, outputs

        labels = tf.TensorSpec([None] if self.window is not None else [None, None], tf.int32)
        return tf.function(run, input_signature=[self._specs, labels], autograph=False)
