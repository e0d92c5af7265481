// Small pieces of the page.

/** Make an element: attributes, listeners (onclick), and what it holds. */
export function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...content);
  return element;
}

/** Make a labelled field. */
export function field(text, input) {
  return make("label", {}, text, input);
}

/**
 * Make a form with its result below.
 *
 * @param {(Node | string)[]} content
 * @param {string} action What the button says.
 * @param {(result: Element, besides: Element) => Promise<void>} submit Fills the result, which is read aloud, and what stands
 *   besides; what it throws by `known` is told.
 * @param {Function[]} known Kinds of errors that are the user's to mend.
 */
export function form(content, action, submit, known) {
  const button = make("button", {}, action);
  const result = make("output", { id: "result", "aria-live": "polite" });
  const besides = make("div", {});
  const answer = async (event) => {
    event.preventDefault();
    // Not disabled, which would take the focus away from it.
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    result.className = "";
    result.replaceChildren();
    besides.replaceChildren();
    try {
      await submit(result, besides);
    } catch (error) {
      result.className = "error";
      const reason = known.some((kind) => error instanceof kind) ? error.message : `This failed: ${error.message}`;
      result.replaceChildren(make("strong", {}, "Not done. "), reason);
    } finally {
      button.removeAttribute("aria-disabled");
      result.dataset.done = String(Number(result.dataset.done ?? 0) + 1);
    }
  };
  // The listener before the fields: one may be called addEventListener.
  const element = make("form", { onsubmit: answer });
  element.append(...content, make("div", { class: "buttons" }, button));
  return make("section", {}, element, make("h2", {}, "Result"), result, besides);
}

export const shown = (number) => Number(number).toLocaleString("en", { maximumSignificantDigits: 6, useGrouping: false });
