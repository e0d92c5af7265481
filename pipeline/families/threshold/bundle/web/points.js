// Points on either side of a threshold: what pipeline/portable/points.py does.

/** Tells on which side points are: above 0 means above the threshold. */
export class Points {
  constructor(networks, facts) {
    this.network = networks.network;
    this.names = facts.names;
  }

  /** Return the output for each point, an array of coordinates each. */
  async outputs(points) {
    const { output } = await this.network.run({ point: { values: points.flat(), shape: [points.length, this.names.length] } });
    return Array.from(output.values);
  }
}
