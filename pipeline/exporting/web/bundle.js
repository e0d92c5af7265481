// Reads an export: bundle.json and its networks. Independent of page and runtime; the caller passes in both.

export const FORMAT = 3;

export class ExportError extends Error {}

/**
 * Read an export.
 *
 * @param {(name: string) => Promise<Uint8Array>} read Returns a file of the folder; rejects if it is missing.
 * @param {(content: Uint8Array) => Promise<{run: Function}>} open Creates an onnxruntime session from the file of a network.
 * @param {Function} tensor Creates a tensor of the runtime from (type, values, shape).
 * @returns {Promise<{task: string, facts: object, networks: object}>}
 */
export async function readBundle(read, open, tensor) {
  let content, raw, sum;
  try {
    [raw, sum] = await Promise.all([read("bundle.json"), read("bundle.sha256")]);
  } catch (error) {
    throw new ExportError(`bundle.json cannot be read (${error.message}). Serve the whole folder from a web server.`);
  }
  await requireIntact("bundle.json", raw, new TextDecoder().decode(sum).trim());
  try {
    content = JSON.parse(new TextDecoder().decode(raw));
  } catch (error) {
    throw new ExportError(`bundle.json cannot be read (${error.message}). Copy it again.`);
  }
  if (content.format !== FORMAT) {
    throw new ExportError(`This export has format ${content.format}, but the page reads format ${FORMAT}. Use the page that came with the export.`);
  }
  const networks = {};
  for (const [name, network] of Object.entries(content.networks)) {
    const raw = await read(network.file).catch((error) => {
      throw new ExportError(`${network.file} cannot be read (${error.message}).`);
    });
    await requireIntact(network.file, raw, content.files[network.file]);
    const session = await open(raw).catch((error) => {
      throw new ExportError(`${network.file} cannot be opened (${error.message}).`);
    });
    networks[name] = new Network(session, network.inputs, tensor);
  }
  return { task: content.task, facts: content.facts, networks };
}

async function requireIntact(name, raw, expected) {
  // Browsers offer no checksums for pages served over plain http from another machine.
  if (!globalThis.crypto?.subtle) return;
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
  const received = Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (received !== expected) throw new ExportError(`${name} is corrupt: its sha256 checksum does not match. Copy the folder again.`);
}

const KINDS = { int32: Int32Array, float32: Float32Array, bool: Uint8Array };

/** A network; maps arrays by input name to arrays by output name. */
export class Network {
  constructor(session, inputs, tensor) {
    this.inputs = inputs;
    this.session = session;
    this.tensor = tensor;
  }

  /**
   * @param {Object<string, {values: ArrayLike<number>, shape: number[]}>} given The inputs by name.
   * @returns {Promise<Object<string, {values: ArrayLike<number>, shape: number[]}>>}
   */
  async run(given) {
    const feeds = {};
    for (const [name, type] of Object.entries(this.inputs)) {
      const { values, shape } = given[name];
      feeds[name] = this.tensor(type, values instanceof KINDS[type] ? values : KINDS[type].from(values), shape);
    }
    const outputs = {};
    for (const [name, output] of Object.entries(await this.session.run(feeds))) {
      // In the file, the output that continues the input NAME is called next_NAME.
      outputs[name.replace(/^next_/, "")] = { values: output.data, shape: output.dims };
    }
    return outputs;
  }
}
