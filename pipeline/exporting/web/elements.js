// Elements of the page.

/** Create an element with attributes, listeners (such as onclick) and content. */
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

/** Create a labelled field. */
export function field(text, input) {
  return make("label", {}, text, input);
}

/**
 * Create a form with its result below.
 *
 * @param {(Node | string)[]} content
 * @param {string} action The label of the button.
 * @param {(result: Element, extras: Element) => Promise<void>} submit Fills the result, which screen readers
 *   announce, and the element for extras; errors of the types in `known` are shown to the user.
 * @param {Function[]} known Types of errors that the user can fix.
 */
export function form(content, action, submit, known) {
  const button = make("button", {}, action);
  const result = make("output", { id: "result", "aria-live": "polite" });
  const extras = make("div", {});
  const answer = async (event) => {
    event.preventDefault();
    // The disabled attribute would take the focus away from the button.
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    result.className = "";
    result.replaceChildren();
    extras.replaceChildren();
    try {
      await submit(result, extras);
    } catch (error) {
      result.className = "error";
      const reason = known.some((kind) => error instanceof kind) ? error.message : `Unexpected error: ${error.message}`;
      result.replaceChildren(make("strong", {}, "Error: "), reason);
    } finally {
      button.removeAttribute("aria-disabled");
      result.dataset.done = String(Number(result.dataset.done ?? 0) + 1);
    }
  };
  // Add the listener before the fields, because a field may be named addEventListener.
  const element = make("form", { onsubmit: answer });
  element.append(...content, make("div", { class: "buttons" }, button));
  return make("section", {}, element, make("h2", {}, "Result"), result, extras);
}

export const shown = (number) => Number(number).toLocaleString("en", { maximumSignificantDigits: 6, useGrouping: false });
