// A form for a sentence, its translation, and a table of the attention weights.

import { field, form, make } from "./elements.js";
import { SentenceError, Sentences } from "./sentences.js";

export function view({ networks, facts }, example) {
  const sentences = new Sentences(networks, facts);
  const sentence = make("textarea", { name: "sentence" }, example.input?.[0] ?? "");
  const submit = async (result, extras) => {
    const translation = await sentences.translate(sentence.value);
    result.append(make("strong", { id: "translation" }, translation.text));
    if (translation.unknown.length) result.append(make("p", {}, `Unknown words: ${translation.unknown.join(" ")}.`));
    if (translation.truncated) result.append(make("p", {}, `The last ${translation.truncated} words were left out: the sentence is too long for this network.`));
    if (translation.attention) extras.append(make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Attention" }, attentionTable(translation)));
  };
  const about = make("p", {}, "Greedy search: the most probable word at each step. Beam search, as in Python, may find better translations.");
  return form([about, field("Sentence", sentence)], "Translate", submit, [SentenceError]);
}

function attentionTable({ source, words, attention }) {
  const head = make("tr", {}, make("td"), ...source.map((word) => make("th", { scope: "col" }, word)));
  const rows = attention.map((weights, row) =>
    make("tr", {}, make("th", { scope: "row" }, words[row] ?? "(end)"), ...weights.map(cell)));
  return make("table", { id: "attention" }, make("caption", {}, "Attention of each translated word (row) to the source words (columns), in per cent"), make("tbody", {}, head, ...rows));
}

// Screen readers announce the number; the area of the square shows it.
function cell(weight) {
  const percent = Math.round(100 * weight);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("width", "20");
  svg.setAttribute("height", "20");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", String(percent));
  const side = 20 * Math.sqrt(Math.min(1, Math.max(0, weight)));
  const square = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ x: (20 - side) / 2, y: (20 - side) / 2, width: side, height: side, fill: "currentColor" })) {
    square.setAttribute(name, value);
  }
  svg.append(square);
  return make("td", { title: `${percent} %` }, svg);
}
