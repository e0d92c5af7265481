// Generates text with an exported network on Android (experiment char_rnn; export.formats=[onnx]).
//
// UNTESTED HERE: written from the documented API of com.microsoft.onnxruntime:onnxruntime-android. Put
// export/onnx/network.onnx and bundle.json into the app's assets.

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import java.nio.FloatBuffer
import java.nio.IntBuffer
import kotlin.math.exp
import kotlin.random.Random
import org.json.JSONObject

class Writer(network: ByteArray, bundle: String) {
    private val environment = OrtEnvironment.getEnvironment()
    private val session = environment.createSession(network)
    private val facts = JSONObject(bundle).getJSONObject("facts")
    private val lowercase = facts.getBoolean("lowercase")
    private val unknown = if (facts.isNull("unknown")) -1 else facts.getString("unknown").codePointAt(0)
    private val characters = facts.getString("characters").codePoints().toArray()
    private val widths = facts.getJSONObject("state").let { state -> state.keys().asSequence().associateWith(state::getInt) }
    private var state = widths.mapValues { FloatArray(it.value) }

    /** Reads one character and returns the logits of the next one. The state is kept for the next call. */
    private fun read(number: Int): FloatArray {
        val inputs = state.mapValues { (name, values) ->
            OnnxTensor.createTensor(environment, FloatBuffer.wrap(values), longArrayOf(1, widths.getValue(name).toLong()))
        } + ("text" to OnnxTensor.createTensor(environment, IntBuffer.wrap(intArrayOf(number)), longArrayOf(1, 1)))
        session.run(inputs).use { outputs ->
            fun values(name: String) = (outputs[name].get() as OnnxTensor).floatBuffer.let { FloatArray(it.remaining()).also(it::get) }
            // The output that continues the input NAME is called next_NAME.
            state = widths.keys.associateWith { values("next_$it") }
            return values("logits").also { inputs.values.forEach(OnnxTensor::close) }
        }
    }

    /** Continues a prompt of known characters. */
    fun write(prompt: String, length: Int, temperature: Double = 0.7): String {
        require(prompt.isNotEmpty()) { "the prompt is empty; it needs at least one character" }
        state = widths.mapValues { FloatArray(it.value) }
        var logits = FloatArray(0)
        for (character in (if (lowercase) prompt.lowercase() else prompt).codePoints().toArray()) {
            val number = characters.indexOf(character)
            require(number >= 0) { "unknown character ${String(Character.toChars(character))}" }
            logits = read(number)
        }
        val written = StringBuilder()
        repeat(length) {
            val highest = logits.max()
            val weights = logits.mapIndexed { number, logit ->
                if (characters[number] == unknown) 0.0 else exp((logit - highest) / temperature)
            }
            var drawn = Random.nextDouble() * weights.sum()
            val number = weights.indexOfFirst { drawn -= it; drawn < 0 }.coerceAtLeast(0)
            written.appendCodePoint(characters[number])
            logits = read(number)
        }
        return written.toString()
    }
}
