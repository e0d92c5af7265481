// Predict on which side of a threshold points are, as pipeline/families/threshold/bundle/reader.py does.

/** Predicts on which side points are: an output above 0 means above the threshold. */
export class Points {
  constructor(networks, facts) {
    this.network = networks.network;
    this.names = facts.names;
  }

  /** Return the output for each point; a point is an array of coordinates. */
  async outputs(points) {
    const { output } = await this.network.run({ point: { values: points.flat(), shape: [points.length, this.names.length] } });
    return Array.from(output.values);
  }
}
