// A text that goes on from a prompt: what pipeline/portable/texts.py and sampling.py do.

export class PromptError extends Error {}

/** Writes character by character. */
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
    if (characters.length < least) throw new PromptError(`The network reads ${least} characters first: write a longer beginning.`);
    return characters.map((character) => this.numbers.get(character) ?? this.never);
  }

  /**
   * Give the characters that follow a prompt.
   *
   * @param {string} prompt
   * @param {number} length Characters to write.
   * @param {number} temperature Below 1 the probable becomes more probable.
   * @param {() => number} random From 0 to 1.
   */
  async *write(prompt, length, temperature, random = Math.random) {
    let [logits, state] = await this.start(this.encoded(prompt));
    for (let place = 0; place < length; place += 1) {
      const number = choose(logits, temperature, random(), this.never);
      yield this.characters[number];
      if (place + 1 < length) [logits, state] = await this.step(state, number);
    }
  }

  start(numbers) {
    if (this.facts.window) return this.readWindow(numbers.slice(-this.facts.window));
    const zeros = Object.entries(this.facts.state).map(([name, width]) => [name, { values: new Float32Array(width), shape: [1, width] }]);
    return this.readOn(numbers, Object.fromEntries(zeros));
  }

  step(state, number) {
    return this.facts.window ? this.readWindow([...state.slice(1), number]) : this.readOn([number], state);
  }

  async readWindow(window) {
    const { logits } = await this.network.run({ text: { values: window, shape: [1, window.length] } });
    return [logits.values, window];
  }

  async readOn(numbers, state) {
    const found = await this.network.run({ text: { values: numbers, shape: [1, numbers.length] }, ...state });
    const size = this.characters.length;
    const after = Object.fromEntries(Object.keys(state).map((name) => [name, found[name]]));
    return [found.logits.values.slice((numbers.length - 1) * size), after];
  }
}

/** Return the place on which a number from 0 to 1 falls, where each has a stretch as long as its probability. */
export function choose(logits, temperature, drawn, never = null) {
  const allowed = Array.from(logits, (logit, place) => (place === never ? -Infinity : logit));
  const highest = Math.max(...allowed);
  const weights = allowed.map((logit) => Math.exp((logit - highest) / temperature));
  const wanted = drawn * weights.reduce((sum, weight) => sum + weight, 0);
  let end = 0;
  const found = weights.findIndex((weight) => (end += weight) > wanted);
  return found >= 0 ? found : weights.findLastIndex((weight) => weight > 0);
}
