// Generates text with an exported network on iOS (experiment char_rnn; export.formats=[litert]).
//
// UNTESTED HERE: written from the documented API of TensorFlowLiteSwift (LiteRT). Put
// export/litert/network.tflite and bundle.json into the app's bundle.

import Foundation
import TensorFlowLite

final class Writer {
    private let interpreter: Interpreter
    private let characters: [Character]
    private let lowercase: Bool
    private let unknown: Character?
    private let widths: [String: Int]
    private var state: [String: Data] = [:]

    init(network: String, bundle: Data) throws {
        let content = try JSONSerialization.jsonObject(with: bundle) as! [String: Any]
        let facts = content["facts"] as! [String: Any]
        characters = (facts["characters"] as! String).unicodeScalars.map(Character.init)
        lowercase = facts["lowercase"] as! Bool
        unknown = (facts["unknown"] as? String).flatMap(\.first)
        widths = facts["state"] as! [String: Int]
        interpreter = try Interpreter(modelPath: network)
        try interpreter.allocateTensors()
    }

    /// Reads one character and returns the logits of the next one. The state is kept for the next call.
    private func read(_ number: Int32) throws -> [Float] {
        // Tensors of a signature are named serving_default_NAME:0.
        for index in 0..<interpreter.inputTensorCount {
            let name = try interpreter.input(at: index).name
            if let part = widths.keys.first(where: { name.contains("_\($0):") }) {
                try interpreter.copy(state[part]!, toInputAt: index)
            } else {
                try interpreter.copy(withUnsafeBytes(of: number) { Data($0) }, toInputAt: index)
            }
        }
        try interpreter.invoke()
        // Outputs are sorted by name: logits, then next_c_1, next_h_1, …
        let names = (["logits"] + widths.keys.map { "next_\($0)" }).sorted()
        var logits: [Float] = []
        for (index, name) in names.enumerated() {
            let data = try interpreter.output(at: index).data
            if name == "logits" {
                logits = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
            } else {
                state[String(name.dropFirst("next_".count))] = data
            }
        }
        return logits
    }

    /// Continues a prompt of known characters.
    func write(_ prompt: String, length: Int, temperature: Double = 0.7) throws -> String {
        state = widths.mapValues { Data(count: 4 * $0) }
        var logits: [Float] = []
        precondition(!prompt.isEmpty, "the prompt is empty; it needs at least one character")
        for character in (lowercase ? prompt.lowercased() : prompt).unicodeScalars.map(Character.init) {
            guard let number = characters.firstIndex(of: character) else {
                throw NSError(domain: "Writer", code: 1, userInfo: [NSLocalizedDescriptionKey: "unknown character \(character)"])
            }
            logits = try read(Int32(number))
        }
        var written = ""
        for _ in 0..<length {
            let highest = logits.max() ?? 0
            let weights = logits.enumerated().map { number, logit in
                characters[number] == unknown ? 0 : exp(Double(logit - highest) / temperature)
            }
            var drawn = Double.random(in: 0..<weights.reduce(0, +))
            let number = weights.firstIndex { drawn -= $0; return drawn < 0 } ?? 0
            written.append(characters[number])
            logits = try read(Int32(number))
        }
        return written
    }
}
