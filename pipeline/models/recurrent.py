"""An LSTM that multiplies the inputs of all steps, and their gradients, at once; Keras multiplies step by step."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable(package="onehot")
class SequenceLSTM(keras.layers.LSTM):
    """Keras' LSTM with the same weights and outputs, several times as fast on a CPU.

    Three products take nearly all of the time: input times kernel, state times recurrent kernel and, in the backward
    pass, the gradient of the recurrent kernel. Here the first and the last are each one product over all steps; only
    the second runs step by step. Gates and cell states are float32 even if the products are shorter.

    Other settings (recurrent dropout, another activation, a stateful layer, another backend) fall back to Keras.

    Source: Hochreiter, Schmidhuber: Long Short-Term Memory (1997); Keras' order of gates: input, forget, cell, output.
    """

    def call(
        self, sequences: Tensor, initial_state: Any = None, mask: Tensor = None, training: bool | None = False
    ) -> Any:
        """Return the outputs for shape (batch, steps, features); masked steps leave the state unchanged."""
        if not self._is_plain():
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if self.dropout and training:
            sequences = sequences * self.cell.get_dropout_mask(sequences[:, 0])[:, None]
        inputs = tf.transpose(ops.matmul(sequences, self.cell.kernel), [1, 0, 2])
        if self.cell.use_bias:
            inputs = inputs + self.cell.bias
        batch = tf.shape(sequences)[0]
        zeros = tf.zeros([batch, self.units])
        h, c = (zeros, zeros) if initial_state is None else (tf.cast(state, tf.float32) for state in initial_state)
        kept = tf.transpose(mask) if mask is not None else tf.ones(tf.shape(inputs)[:2], tf.bool)
        if self.go_backwards:
            inputs, kept = tf.reverse(inputs, [0]), tf.reverse(kept, [0])
        hs, h, c = _lstm(inputs, tf.convert_to_tensor(self.cell.recurrent_kernel), h, c, kept)
        if mask is not None:
            # Masked steps before the first unmasked step output zeros, whatever the initial state. All masked steps do
            # if zero_output_for_mask is set, as Bidirectional does.
            shown = kept if self.zero_output_for_mask else tf.cumsum(tf.cast(kept, tf.int32)) > 0
            hs = hs * tf.cast(shown, hs.dtype)[:, :, None]
        h, c = tf.cast(h, self.compute_dtype), tf.cast(c, self.compute_dtype)
        output = tf.transpose(tf.cast(hs, self.compute_dtype), [1, 0, 2]) if self.return_sequences else h
        if self.return_sequences:
            output.set_shape([sequences.shape[0], sequences.shape[1], self.units])
        return [output, h, c] if self.return_state else output

    def _is_plain(self) -> bool:
        cell = self.cell
        return (
            keras.backend.backend() == "tensorflow"
            and not (self.stateful or self.recurrent_dropout or self.unroll)
            and cell.activation is keras.activations.tanh
            and cell.recurrent_activation is keras.activations.sigmoid
        )


def _lstm(inputs: Tensor, kernel: Tensor, h: Tensor, c: Tensor, kept: Tensor) -> Any:
    """Run all steps.

    Args:
        inputs: The inputs times the input kernel plus the bias, shape (steps, batch, 4 · units).
        kernel: The recurrent kernel, shape (units, 4 · units).
        h: The initial output, shape (batch, units), float32.
        c: The initial cell state, shape (batch, units), float32.
        kept: The mask, shape (steps, batch); steps where it is false leave the state unchanged.

    Returns:
        The outputs, shape (steps, batch, units), the last output and the last cell state, all float32.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(inputs: Tensor, kernel: Tensor, h: Tensor, c: Tensor) -> Any:
        steps, dtype = tf.shape(inputs)[0], kernel.dtype
        mask = tf.cast(kept, tf.float32)[:, :, None]

        def arrays(*shapes: Any) -> list[tf.TensorArray]:
            return [tf.TensorArray(tf.float32, steps, element_shape=shape) for shape in shapes]

        def forward(t: Tensor, h: Tensor, c: Tensor, hs: Any, cs: Any, gates: Any) -> Any:
            z = tf.cast(inputs[t], tf.float32) + tf.cast(tf.matmul(tf.cast(h, dtype), kernel), tf.float32)
            i, f, g, o = tf.split(z, 4, axis=1)
            i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
            cell = f * c + i * g
            step_mask = mask[t]
            c = c + step_mask * (cell - c)
            h = h + step_mask * (o * tf.tanh(cell) - h)
            return t + 1, h, c, hs.write(t, h), cs.write(t, c), gates.write(t, tf.concat([i, f, g, o], 1))

        shape = h.shape
        _, last_h, last_c, hs, cs, gates = tf.while_loop(
            lambda t, *_: t < steps,
            forward,
            [tf.constant(0), h, c, *arrays(shape, shape, [shape[0], 4 * kernel.shape[0]])],
        )
        all_h, all_c, all_gates = hs.stack(), cs.stack(), gates.stack()

        def gradient(d_hs: Tensor, d_last_h: Tensor, d_last_c: Tensor) -> Any:
            before_h = tf.concat([h[None], all_h[:-1]], 0)
            before_c = tf.concat([c[None], all_c[:-1]], 0)
            transposed = tf.transpose(kernel)

            def backward(t: Tensor, d_h: Tensor, d_c: Tensor, d_z: Any) -> Any:
                step_mask = mask[t]
                d_h = d_h + d_hs[t]
                i, f, g, o = tf.split(all_gates[t], 4, axis=1)
                # At masked steps the gradient passes to the previous step unchanged.
                d_out, d_pass_h, d_pass_c = step_mask * d_h, d_h - step_mask * d_h, d_c - step_mask * d_c
                cell_output = tf.tanh(f * before_c[t] + i * g)
                d_cell = step_mask * d_c + d_out * o * (1 - cell_output * cell_output)
                d_gates = tf.concat(
                    [
                        d_cell * g * i * (1 - i),
                        d_cell * before_c[t] * f * (1 - f),
                        d_cell * i * (1 - g * g),
                        d_out * cell_output * o * (1 - o),
                    ],
                    1,
                )
                short = tf.cast(d_gates, dtype)
                d_before = tf.cast(tf.matmul(short, transposed), tf.float32)
                return t - 1, d_pass_h + d_before, d_pass_c + d_cell * f, d_z.write(t, short)

            d_z = tf.TensorArray(dtype, steps, element_shape=[shape[0], 4 * kernel.shape[0]])
            _, d_h, d_c, d_z = tf.while_loop(lambda t, *_: t >= 0, backward, [steps - 1, d_last_h, d_last_c, d_z])
            d_inputs = d_z.stack()
            units = kernel.shape[0]
            flat = tf.reshape(d_inputs, [-1, 4 * units])
            d_kernel = tf.matmul(tf.cast(tf.reshape(before_h, [-1, units]), dtype), flat, transpose_a=True)
            return tf.cast(d_inputs, inputs.dtype), d_kernel, d_h, d_c

        return (all_h, last_h, last_c), gradient

    return run(inputs, kernel, h, c)
