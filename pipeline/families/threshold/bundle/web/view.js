// A form for a point and its predicted side; in two dimensions, also a picture of the decision boundary.

import { field, form, make, shown } from "./elements.js";
import { Points } from "./points.js";

const CELLS = 60;

class PointError extends Error {}

export function view({ networks, facts }, example) {
  const points = new Points(networks, facts);
  const first = example.input?.[0] ?? [];
  const inputs = facts.names.map((name, index) => make("input", { name, inputmode: "decimal", value: first[index] ?? "" }));
  const submit = async (result) => {
    const point = inputs.map((input) => Number(input.value));
    if (inputs.some((input) => input.value.trim() === "") || point.some(Number.isNaN)) {
      throw new PointError("Each coordinate must be a number.");
    }
    const [output] = await points.outputs([point]);
    result.textContent = `${output > 0 ? "above the threshold" : "not above the threshold"} (${shown(output)})`;
    result.dataset.values = JSON.stringify([output]);
  };
  const section = form([make("div", { class: "fields" }, ...facts.names.map((name, index) => field(name, inputs[index])))], "Predict", submit, [PointError]);
  if (facts.names.length === 2) section.append(picture(points, facts.names));
  return section;
}

function picture(points, names) {
  const canvas = make("canvas", { class: "plot", width: 8 * CELLS, height: 8 * CELLS, role: "img", "aria-label": `Points that the network predicts to be above the threshold: ${names[0]} from 0 to 1 to the right, ${names[1]} from 0 to 1 upwards` });
  const grid = Array.from({ length: CELLS * CELLS }, (_, index) => [(index % CELLS + 0.5) / CELLS, (Math.floor(index / CELLS) + 0.5) / CELLS]);
  points.outputs(grid).then((outputs) => {
    const context = canvas.getContext("2d");
    outputs.forEach((output, index) => {
      context.fillStyle = output > 0 ? "#4a90d9" : "#e8e2d0";
      context.fillRect(8 * (index % CELLS), 8 * (CELLS - 1 - Math.floor(index / CELLS)), 8, 8);
    });
    canvas.dataset.above = String(outputs.filter((output) => output > 0).length);
  }).catch((error) => canvas.replaceWith(`The picture could not be drawn: ${error.message}`));
  return make("figure", {}, canvas, make("figcaption", {}, "Blue: above the threshold."));
}
