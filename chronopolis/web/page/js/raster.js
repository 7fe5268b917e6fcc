// Discs and lines written straight into pixels. A software canvas draws some hundred arcs in the time that this draws
// thousands; every array is a local constant, because a look-up through an object per pixel costs fifty times as much.

const GRAIN = 4; // positions within a pixel, each way
const sets = new Map(); // of one size each

/** The masks of a disc for each place within a pixel at which its middle may lie. */
function masksOf(radius, rim) {
  const key = `${radius}|${rim}`;
  let made = sets.get(key);
  if (!made) {
    if (sets.size > 40) sets.clear();
    made = Array.from({ length: GRAIN * GRAIN }, (_, k) => maskOf(radius, rim, k % GRAIN, Math.floor(k / GRAIN)));
    sets.set(key, made);
  }
  return made;
}

/** Coverage of a disc: for each pixel of a square, how much is body and how much body and rim together. */
function maskOf(radius, rim, ix, iy) {
  const half = Math.ceil(radius + rim) + 1;
  const size = 2 * half + 1;
  const body = new Uint8Array(size * size);
  const whole = new Uint8Array(size * size);
  const cx = half + (ix + 0.5) / GRAIN;
  const cy = half + (iy + 0.5) / GRAIN;
  for (let y = 0, i = 0; y < size; y++) {
    for (let x = 0; x < size; x++, i++) {
      const away = Math.hypot(x + 0.5 - cx, y + 0.5 - cy);
      body[i] = 255 * Math.max(0, Math.min(1, radius - away + 0.5));
      whole[i] = 255 * Math.max(0, Math.min(1, radius + rim - away + 0.5));
    }
  }
  return { half, size, body, whole };
}

/** Draw discs at (x[i], y[i]) in pixels, coloured by class, with a thin rim of one colour. */
export function discs(pixels, wide, high, { n, x, y, group, colours, rim, radius, rimWidth }) {
  const [rimR, rimG, rimB] = rim;
  const masks = masksOf(radius, rimWidth);
  for (let k = 0; k < n; k++) {
    const fx = x[k];
    const fy = y[k];
    if (!(fx > -20 && fy > -20 && fx < wide + 20 && fy < high + 20)) continue;
    const px = Math.floor(fx);
    const py = Math.floor(fy);
    const { half, size, body, whole } = masks[(((fy - py) * GRAIN) | 0) * GRAIN + (((fx - px) * GRAIN) | 0)];
    const colour = colours[group[k]];
    const r = colour & 255;
    const g = (colour >> 8) & 255;
    const b = (colour >> 16) & 255;
    for (let my = 0, i = 0; my < size; my++) {
      const ty = py + my - half;
      if (ty < 0 || ty >= high) {
        i += size;
        continue;
      }
      for (let mx = 0, at = ty * wide + px - half; mx < size; mx++, i++, at++) {
        const covered = whole[i];
        if (covered === 0) continue;
        const tx = px + mx - half;
        if (tx < 0 || tx >= wide) continue;
        const inner = body[i];
        if (inner === 255) {
          pixels[at] = colour;
          continue;
        }
        const under = pixels[at];
        const keep = 255 - covered;
        const edge = covered - inner;
        pixels[at] =
          ((255 << 24) |
            (((((under >> 16) & 255) * keep + b * inner + rimB * edge) / 255) << 16) |
            (((((under >> 8) & 255) * keep + g * inner + rimG * edge) / 255) << 8) |
            (((under & 255) * keep + r * inner + rimR * edge) / 255)) >>>
          0;
      }
    }
  }
}

/** Draw thin lines (x1, y1)–(x2, y2), four numbers each, mixed into what lies under them. */
export function lines(pixels, wide, high, coordinates, count, [r, g, b], strength) {
  const keep = 1 - strength;
  for (let k = 0; k < count; k++) {
    let x = coordinates[4 * k];
    let y = coordinates[4 * k + 1];
    const dx = coordinates[4 * k + 2] - x;
    const dy = coordinates[4 * k + 3] - y;
    const steps = Math.max(1, Math.ceil(Math.max(Math.abs(dx), Math.abs(dy))));
    if (steps > 4000) continue;
    const sx = dx / steps;
    const sy = dy / steps;
    for (let i = 0; i <= steps; i++, x += sx, y += sy) {
      if (x < 0 || y < 0 || x >= wide || y >= high) continue;
      const at = (y | 0) * wide + (x | 0);
      const under = pixels[at];
      pixels[at] =
        ((255 << 24) |
          ((((under >> 16) & 255) * keep + b * strength) << 16) |
          ((((under >> 8) & 255) * keep + g * strength) << 8) |
          ((under & 255) * keep + r * strength)) >>>
        0;
    }
  }
}
