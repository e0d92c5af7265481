// Translation of sentences by greedy search, as in pipeline/families/translation/bundle/reader.py.

export class SentenceError extends Error {}

const [PADDING, UNKNOWN, START, END] = [0, 1, 2, 3];
const NEVER = [PADDING, UNKNOWN, START];
const JOINER = "￭";
const SPACE = "▁";
// The characters that Python treats as spaces; JavaScript's `\s` differs in a few.
const SPACE_CLASS = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACES = new RegExp(`[${SPACE_CLASS}]+`, "u");
const LETTERS = "[\\p{L}\\p{N}\\p{M}_]+";
const WORD = new RegExp(`${LETTERS}(?:['’]${LETTERS})*|[^\\p{L}\\p{N}\\p{M}_${SPACE_CLASS}]`, "gu");

const split = (text) => text.split(SPACES).filter((part) => part);

const TOKENIZERS = {
  whitespace: { tokens: split, text: (tokens) => tokens.join(" ") },
  character: {
    tokens: (text) => Array.from(split(text).join(" "), (character) => (character === " " ? SPACE : character)),
    text: (tokens) => tokens.join("").replaceAll(SPACE, " "),
  },
  word: {
    tokens: (text) => {
      let end = 0;
      return Array.from(text.matchAll(WORD), (match) => {
        const joined = match.index === end && end > 0 ? JOINER : "";
        end = match.index + match[0].length;
        return joined + match[0];
      });
    },
    text: (tokens) => tokens.map((token) => (token.startsWith(JOINER) ? token.slice(JOINER.length) : ` ${token}`)).join("").trim(),
  },
};

/** Translates sentences by greedy search: the most probable word at each step. */
export class Sentences {
  constructor(networks, facts) {
    this.encoder = networks.encoder;
    this.decoder = networks.decoder;
    this.facts = facts;
    [this.source, this.target] = facts.vocabularies;
    this.numbers = new Map(this.source.map((word, number) => [word, number]));
    [this.sourceTokenizer, this.targetTokenizer] = facts.tokenizers.map((name) => TOKENIZERS[name]);
  }

  /**
   * Translate a sentence.
   *
   * @returns {Promise<{text: string, words: string[], source: string[], unknown: string[], truncated: number, attention: number[][] | null}>}
   *   `truncated`: number of words left out at the end of the sentence; `attention`: weights over the source words, one
   *   row per translated word and one for the end; null for a network without attention.
   */
  async translate(sentence) {
    const all = this.sourceTokenizer.tokens(this.facts.lowercase ? sentence.toLowerCase() : sentence);
    if (!all.length) throw new SentenceError("There is nothing to translate: write a sentence.");
    const longest = this.facts.source_length ? this.facts.source_length - 2 : this.facts.max_tokens;
    const words = all.slice(0, longest);
    const numbers = [START, ...words.map((word) => this.number(word)), END];
    const source = new Int32Array(this.facts.source_length ?? numbers.length).fill(PADDING);
    source.set(numbers);
    let state = await this.encoder.run({ source: { values: source, shape: [1, source.length] } });
    const written = [];
    const attention = [];
    let last = START;
    for (let step = 0; step < 2 * words.length + 10; step += 1) {
      const outputs = await this.decoder.run({ token: { values: [last], shape: [1, 1] }, ...state });
      last = best(outputs.logits.values, step === 0);
      if (outputs.attention) attention.push(Array.from(outputs.attention.values).slice(0, numbers.length));
      if (last === END) break;
      written.push(last);
      state = { ...state, ...Object.fromEntries(this.facts.changing.map((name) => [name, outputs[name]])) };
    }
    return {
      text: this.targetTokenizer.text(written.map((number) => this.target[number])),
      words: written.map((number) => this.target[number]),
      source: [this.source[START], ...words, this.source[END]],
      unknown: words.filter((word) => this.number(word) === UNKNOWN),
      truncated: all.length - words.length,
      attention: attention.length ? attention : null,
    };
  }

  number(word) {
    const number = this.numbers.get(word) ?? UNKNOWN;
    return number > END ? number : UNKNOWN;
  }
}

function best(logits, isFirst) {
  let highest = -1;
  logits.forEach((logit, number) => {
    const allowed = !NEVER.includes(number) && !(isFirst && number === END);
    if (allowed && (highest < 0 || logit > logits[highest])) highest = number;
  });
  return highest < 0 ? END : highest;
}
