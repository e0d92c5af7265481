// Continue a prompt with an exported network in Node.js (experiments text, char_rnn; export.formats=[web]).
//
//     make web
//     dvc exp run -S experiment=char_rnn -S 'export.formats=[web]'
//     node examples/write.mjs export/web "and god said"
//
// The same modules work in a browser; the page, pipeline/exporting/web/app.js, shows how to load them there.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder = "export/web", prompt = null] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(resolve(folder, name)).href);

const ort = await load("ort/ort.wasm.min.mjs");
const { readBundle } = await load("bundle.js");
const { Texts } = await load("texts.js");

ort.env.wasm.numThreads = 1;
const read = async (name) => new Uint8Array(await readFile(join(folder, name)));
const bundle = await readBundle(
  read,
  (content) => ort.InferenceSession.create(content),
  (type, values, shape) => new ort.Tensor(type, values, shape),
);
if (bundle.task !== "text") throw new Error(`${folder} contains a network for ${bundle.task}; this example needs one for text`);

const example = JSON.parse(new TextDecoder().decode(await read("example.json")));
const start = prompt ?? example.input;
process.stdout.write(start);
for await (const character of new Texts(bundle.networks, bundle.facts).write(start, 200, 0.7)) {
  process.stdout.write(character);
}
process.stdout.write("\n");
