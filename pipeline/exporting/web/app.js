// The page: loads the export that lies beside it, and makes the form of its family.

import { ExportError, readBundle } from "./bundle.js";
import { view } from "./view.js"; // the family's

const read = async (name) => {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return new Uint8Array(await answer.arrayBuffer());
};

async function runtime() {
  if (typeof WebAssembly !== "object") {
    throw new ExportError("This browser has no WebAssembly, which the network runs in. Allow it (some modes of high security switch it off), or take another browser.");
  }
  const ort = await import("./ort/ort.wasm.min.mjs").catch((error) => {
    throw new ExportError(`ort/, the runtime of the network, cannot be read (${error.message}): copy the whole folder.`);
  });
  // Several threads need headers that a plain file server does not send.
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
  return ort;
}

async function main() {
  const place = document.getElementById("main");
  const began = performance.now();
  try {
    const ort = await runtime();
    const bundle = await readBundle(
      read,
      (content) => ort.InferenceSession.create(content, { executionProviders: ["wasm"] }),
      (type, values, shape) => new ort.Tensor(type, values, shape),
    );
    const example = await read("example.json").then((raw) => JSON.parse(new TextDecoder().decode(raw))).catch(() => ({ input: null }));
    place.replaceChildren(view(bundle, example));
    document.documentElement.dataset.loaded = String(Math.round(performance.now() - began));
  } catch (error) {
    const status = document.getElementById("status");
    status.setAttribute("role", "alert");
    status.className = "result error";
    status.textContent = error instanceof ExportError ? error.message : `The page failed: ${error.message}`;
    document.documentElement.dataset.failed = "true";
    if (!(error instanceof ExportError)) throw error;
  } finally {
    place.removeAttribute("aria-busy");
  }
}

main();
