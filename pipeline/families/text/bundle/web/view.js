// A form for a prompt, and the text with which the network continues it.

import { field, form, make } from "./elements.js";
import { PromptError, Texts } from "./texts.js";

export function view({ networks, facts }, example) {
  const texts = new Texts(networks, facts);
  const prompt = make("textarea", { name: "prompt", spellcheck: "false" }, example.input ?? "");
  const length = make("input", { name: "length", type: "number", min: 1, max: 10000, value: 300, required: true });
  const temperature = make("input", { name: "temperature", type: "range", min: 0.05, max: 1.5, step: 0.05, value: 0.7 });
  const number = make("span", {}, temperature.value);
  temperature.addEventListener("input", () => number.replaceChildren(temperature.value));
  let stopped = false;
  const stop = make("button", { type: "button", class: "plain", onclick: () => { stopped = true; } }, "Stop");
  const submit = async (result) => {
    stopped = false;
    // Screen readers announce the text once it is complete, not letter by letter.
    result.setAttribute("aria-busy", "true");
    try {
      for await (const character of texts.write(prompt.value, Number(length.value), Number(temperature.value))) {
        result.append(character);
        if (stopped) break;
        // Give the browser time to redraw the page.
        if (result.textContent.length % 4 === 0) await new Promise((resume) => setTimeout(resume));
      }
    } finally {
      result.removeAttribute("aria-busy");
    }
  };
  const fields = make("div", { class: "fields" }, field("Characters to write", length), field(make("span", {}, "Temperature ", number), temperature));
  const section = form([field("Prompt", prompt), fields], "Write", submit, [PromptError]);
  section.querySelector(".buttons").append(stop);
  return section;
}
