// A form with one field per column of a table.

import { field, form, make, shown } from "./elements.js";
import { RowError, Rows } from "./rows.js";

const OFFERED = 500;

export function view({ networks, facts }, example) {
  const rows = new Rows(networks, facts);
  const first = example.input?.[0] ?? {};
  const inputs = new Map(facts.columns.map((name) => [name, inputOf(name, facts, Object.hasOwn(first, name) ? first[name] : null)]));
  const submit = async (result) => {
    const row = Object.fromEntries(Array.from(inputs, ([name, input]) => [name, input.value === "" ? null : input.value]));
    const { outputs, unknown } = await rows.predict(row);
    const lines = outputs.map(({ name, value }) => `${name}: ${shown(value)}`);
    if (facts.classes.length === 2) lines[0] += ` (of ${facts.classes[1]})`;
    result.textContent = lines.join("\n");
    result.dataset.values = JSON.stringify(outputs.map(({ value }) => value));
    if (unknown.length) result.append(make("p", {}, `Unknown to the network and treated as missing: ${unknown.join(", ")}.`));
  };
  const fields = Array.from(inputs, ([name, input]) => make("div", {}, field(name, input), ...(input.offered ? [input.offered] : [])));
  const about = make("p", {}, "An empty field counts as missing.");
  return form([about, make("div", { class: "fields" }, ...fields)], "Predict", submit, [RowError]);
}

function inputOf(name, facts, value) {
  const attributes = { name, value: value === null || value === undefined ? "" : String(value), autocomplete: "off" };
  const column = facts.categorical.find((categorical) => categorical.name === name);
  if (!column) return make("input", { ...attributes, inputmode: facts.numeric.some((numeric) => numeric.name === name) ? "decimal" : null });
  const offered = make("datalist", { id: `known_${name}` }, ...column.categories.slice(0, OFFERED).map((category) => make("option", { value: category })));
  const input = make("input", { ...attributes, list: offered.id });
  input.offered = offered;
  return input;
}
