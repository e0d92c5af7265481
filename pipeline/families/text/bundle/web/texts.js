// Continuation of prompts, as in pipeline/families/text/bundle/reader.py and models/sampling.py.

export class PromptError extends Error {}

/** Continues prompts character by character. */
export class Texts {
  constructor(networks, facts) {
    this.network = networks.network;
    this.facts = facts;
    this.characters = Array.from(facts.characters);
    this.numbers = new Map(this.characters.map((character, number) => [character, number]));
    this.never = facts.unknown === null ? null : this.numbers.get(facts.unknown);
  }

  /** Return the numbers of a prompt's characters. */
  encoded(prompt) {
    const characters = Array.from(this.facts.lowercase ? prompt.toLowerCase() : prompt);
    const unknown = this.never === null ? characters.filter((character) => !this.numbers.has(character)) : [];
    if (unknown.length) {
      throw new PromptError(`The network does not know these characters: ${[...new Set(unknown)].slice(0, 10).join(" ")}`);
    }
    const least = this.facts.window || 1;
    if (characters.length < least) throw new PromptError(`The network needs at least ${least} characters: write a longer prompt.`);
    return characters.map((character) => this.numbers.get(character) ?? this.never);
  }

  /**
   * Yield the characters that follow a prompt.
   *
   * @param {string} prompt The text to continue.
   * @param {number} length Number of characters to write.
   * @param {number} temperature Sampling temperature; below 1, probable characters become more probable.
   * @param {() => number} random Returns random numbers from 0 to 1.
   */
  async *write(prompt, length, temperature, random = Math.random) {
    let [logits, state] = await this.start(this.encoded(prompt));
    for (let count = 1; count <= length; count += 1) {
      const number = choose(logits, temperature, random(), this.never);
      yield this.characters[number];
      if (count < length) [logits, state] = await this.step(state, number);
    }
  }

  start(numbers) {
    if (this.facts.window) return this.readWindow(numbers.slice(-this.facts.window));
    const zeros = Object.entries(this.facts.state).map(([name, width]) => [name, { values: new Float32Array(width), shape: [1, width] }]);
    return this.readState(numbers, Object.fromEntries(zeros));
  }

  step(state, number) {
    return this.facts.window ? this.readWindow([...state.slice(1), number]) : this.readState([number], state);
  }

  async readWindow(window) {
    const { logits } = await this.network.run({ text: { values: window, shape: [1, window.length] } });
    return [logits.values, window];
  }

  async readState(numbers, state) {
    const outputs = await this.network.run({ text: { values: numbers, shape: [1, numbers.length] }, ...state });
    const size = this.characters.length;
    const after = Object.fromEntries(Object.keys(state).map((name) => [name, outputs[name]]));
    return [outputs.logits.values.slice((numbers.length - 1) * size), after];
  }
}

/** Sample a character: return the index whose interval of cumulative probability contains `drawn`, from 0 to 1. */
export function choose(logits, temperature, drawn, never = null) {
  const allowed = Array.from(logits, (logit, index) => (index === never ? -Infinity : logit));
  const highest = Math.max(...allowed);
  const weights = allowed.map((logit) => Math.exp((logit - highest) / temperature));
  const threshold = drawn * weights.reduce((sum, weight) => sum + weight, 0);
  let end = 0;
  const chosen = weights.findIndex((weight) => (end += weight) > threshold);
  return chosen >= 0 ? chosen : weights.findLastIndex((weight) => weight > 0);
}
