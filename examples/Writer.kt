// A text that an exported network goes on with, on Android (experiment char_rnn; export.formats=[onnx]).
//
// UNTESTED HERE: written against the documented interface of com.microsoft.onnxruntime:onnxruntime-android. Put
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

    /** Read one character; return the logits of the next one. The state is kept for the call after it. */
    private fun read(number: Int): FloatArray {
        val given = state.mapValues { (name, values) ->
            OnnxTensor.createTensor(environment, FloatBuffer.wrap(values), longArrayOf(1, widths.getValue(name).toLong()))
        } + ("text" to OnnxTensor.createTensor(environment, IntBuffer.wrap(intArrayOf(number)), longArrayOf(1, 1)))
        session.run(given).use { found ->
            fun values(name: String) = (found[name].get() as OnnxTensor).floatBuffer.let { FloatArray(it.remaining()).also(it::get) }
            // What goes on from an input is called next_NAME.
            state = widths.keys.associateWith { values("next_$it") }
            return values("logits").also { given.values.forEach(OnnxTensor::close) }
        }
    }

    /** Go on from a beginning of known characters. */
    fun write(beginning: String, length: Int, temperature: Double = 0.7): String {
        require(beginning.isNotEmpty()) { "the network reads a character first" }
        state = widths.mapValues { FloatArray(it.value) }
        var logits = FloatArray(0)
        for (character in (if (lowercase) beginning.lowercase() else beginning).codePoints().toArray()) {
            val number = characters.indexOf(character)
            require(number >= 0) { "the network does not know ${String(Character.toChars(character))}" }
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
