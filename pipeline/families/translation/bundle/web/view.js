// A sentence, its translation, and where the network looked.

import { field, form, make } from "./elements.js";
import { SentenceError, Sentences } from "./sentences.js";

export function view({ networks, facts }, example) {
  const sentences = new Sentences(networks, facts);
  const sentence = make("textarea", { name: "sentence" }, example.input?.[0] ?? "");
  const submit = async (result, besides) => {
    const found = await sentences.translate(sentence.value);
    result.append(make("strong", { id: "translation" }, found.text));
    if (found.unknown.length) result.append(make("p", {}, `Unknown words: ${found.unknown.join(" ")}.`));
    if (found.cut) result.append(make("p", {}, `The last ${found.cut} words are left out: the sentence is longer than any in training.`));
    if (found.attention) besides.append(make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Attention" }, attentionTable(found)));
  };
  const about = make("p", {}, "Word by word the most probable one; a search with a beam, as in Python, may find better ones.");
  return form([about, field("Sentence", sentence)], "Translate", submit, [SentenceError]);
}

function attentionTable({ source, words, attention }) {
  const head = make("tr", {}, make("td"), ...source.map((word) => make("th", { scope: "col" }, word)));
  const rows = attention.map((weights, place) =>
    make("tr", {}, make("th", { scope: "row" }, words[place] ?? "(end)"), ...weights.map(cell)));
  return make("table", { id: "attention" }, make("caption", {}, "Where the network looked while it wrote each word (row), in per cent"), make("tbody", {}, head, ...rows));
}

// As a figure for the ear, as a square of that size for the eye.
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
