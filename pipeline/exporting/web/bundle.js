// Reads an export: what bundle.json says, and the networks beside it. No page and no runtime: both are handed in.

export const FORMAT = 2;

export class ExportError extends Error {}

/**
 * Read an export.
 *
 * @param {(name: string) => Promise<Uint8Array>} read Brings a file of the folder; fails where there is none.
 * @param {(content: Uint8Array) => Promise<{run: Function}>} open Makes a session of onnxruntime of a network's file.
 * @param {Function} tensor (type, values, shape) → a tensor of the runtime.
 * @returns {Promise<{task: string, facts: object, networks: object}>}
 */
export async function readBundle(read, open, tensor) {
  let content, raw, sum;
  try {
    [raw, sum] = await Promise.all([read("bundle.json"), read("bundle.sha256")]);
  } catch (error) {
    throw new ExportError(`bundle.json cannot be read (${error.message}): is the whole folder here, on a web server?`);
  }
  await requireWhole("bundle.json", raw, new TextDecoder().decode(sum).trim());
  try {
    content = JSON.parse(new TextDecoder().decode(raw));
  } catch (error) {
    throw new ExportError(`bundle.json cannot be read (${error.message}). Copy it anew.`);
  }
  if (content.format !== FORMAT) {
    throw new ExportError(`This export is of format ${content.format}, and the page reads format ${FORMAT}: take the page that came with it.`);
  }
  const networks = {};
  for (const [name, network] of Object.entries(content.networks)) {
    const raw = await read(network.file).catch((error) => {
      throw new ExportError(`${network.file} cannot be read (${error.message}).`);
    });
    await requireWhole(network.file, raw, content.files[network.file]);
    const session = await open(raw).catch((error) => {
      throw new ExportError(`${network.file} cannot be opened (${error.message}).`);
    });
    networks[name] = new Network(session, network.inputs, tensor);
  }
  return { task: content.task, facts: content.facts, networks };
}

async function requireWhole(name, raw, expected) {
  // Where a page came over plain http from another machine, browsers offer no sums.
  if (!globalThis.crypto?.subtle) return;
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
  const found = Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== expected) throw new ExportError(`${name} is damaged: its sha256 is not the one that it was written with. Copy the folder anew.`);
}

const KINDS = { int32: Int32Array, float32: Float32Array, bool: Uint8Array };

/** A network: arrays by the names of its inputs → arrays by the names of its outputs. */
export class Network {
  constructor(session, inputs, tensor) {
    this.inputs = inputs;
    this.session = session;
    this.tensor = tensor;
  }

  /**
   * @param {Object<string, {values: ArrayLike<number>, shape: number[]}>} given By name.
   * @returns {Promise<Object<string, {values: ArrayLike<number>, shape: number[]}>>}
   */
  async run(given) {
    const feeds = {};
    for (const [name, type] of Object.entries(this.inputs)) {
      const { values, shape } = given[name];
      feeds[name] = this.tensor(type, values instanceof KINDS[type] ? values : KINDS[type].from(values), shape);
    }
    const found = {};
    for (const [name, output] of Object.entries(await this.session.run(feeds))) {
      // What goes on from an input of this name is called next_NAME in the file.
      found[name.replace(/^next_/, "")] = { values: output.data, shape: output.dims };
    }
    return found;
  }
}
