// The land of a run, which never changes: fetched once.

import { getBuffer, runPath } from "./api.js";

const MAGIC = 0x504f4c54;

export async function fetchTerrain(run, version) {
  const buffer = await getBuffer(runPath(run, "terrain"), { v: version });
  const [magic, layout, width, height] = new Int32Array(buffer, 0, 4);
  if (magic !== MAGIC || layout !== 1) throw new Error("This is not terrain that the page can read.");
  const n = width * height;
  const padded = (bytes) => (bytes + 3) & ~3;
  const biomeAt = 16 + padded(2 * n);
  return {
    width,
    height,
    n,
    elevation: new Int16Array(buffer, 16, n),
    biome: new Uint8Array(buffer, biomeAt, n),
    capacity: new Int32Array(buffer, biomeAt + padded(n), 4 * n),
  };
}
