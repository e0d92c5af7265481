// The page: loads the export in its folder and creates the form of its family.

import { ExportError, readBundle } from "./bundle.js";
import { view } from "./view.js"; // provided by the family

const read = async (name) => {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
};

async function runtime() {
  if (typeof WebAssembly !== "object") {
    throw new ExportError("This browser does not support WebAssembly, which the network needs. Enable it (some high-security modes disable it), or use another browser.");
  }
  const ort = await import("./ort/ort.wasm.min.mjs").catch((error) => {
    throw new ExportError(`The runtime in ort/ cannot be loaded (${error.message}). Copy the whole folder.`);
  });
  // Multiple threads need HTTP headers that a plain file server does not send.
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
  return ort;
}

async function main() {
  const main = document.getElementById("main");
  const start = performance.now();
  try {
    const ort = await runtime();
    const bundle = await readBundle(
      read,
      (content) => ort.InferenceSession.create(content, { executionProviders: ["wasm"] }),
      (type, values, shape) => new ort.Tensor(type, values, shape),
    );
    const example = await read("example.json").then((raw) => JSON.parse(new TextDecoder().decode(raw))).catch(() => ({ input: null }));
    main.replaceChildren(view(bundle, example));
    document.documentElement.dataset.loaded = String(Math.round(performance.now() - start));
  } catch (error) {
    const status = document.getElementById("status");
    status.setAttribute("role", "alert");
    status.className = "result error";
    status.textContent = error instanceof ExportError ? error.message : `The page failed: ${error.message}`;
    document.documentElement.dataset.failed = "true";
    if (!(error instanceof ExportError)) throw error;
  } finally {
    main.removeAttribute("aria-busy");
  }
}

main();
