// Geometry of the grid: pointy-top cells in odd-r rows, odd rows half a cell to the right, as the world has it.
// One unit is a cell's side; a cell is √3 wide and 2 high, and rows are 1.5 apart.

export const WIDE = Math.sqrt(3);

export const centreX = (cell, width) => WIDE * ((cell % width) + 0.5 + 0.5 * (Math.floor(cell / width) & 1));
export const centreY = (cell, width) => 1.5 * Math.floor(cell / width) + 1;

/** How large the whole grid is, in sides. */
export const extent = (width, height) => ({ x: WIDE * (width + 0.5), y: 1.5 * height + 0.5 });

/** The cell at a point, -1 beyond the edge. */
export function cellAt(x, y, width, height) {
  let row = Math.floor(y / 1.5);
  let column = columnAt(x, row);
  // The upper third of a band holds the roof of its row and the cellar of the row above.
  const high = y - 1.5 * row;
  if (high < 0.5) {
    const along = x - WIDE * (column + 0.5 * (row & 1));
    if (high < (0.5 * Math.abs(along - WIDE / 2)) / (WIDE / 2)) {
      row -= 1;
      column = columnAt(x, row);
    }
  }
  return column < 0 || column >= width || row < 0 || row >= height ? -1 : row * width + column;
}

const columnAt = (x, row) => Math.floor(x / WIDE - 0.5 * (row & 1));

/**
 * Which cell each pixel shows: twice the cell's number, plus one on the outline between two cells; twice the number of
 * cells beyond the edge. Made anew only when the view moves, so that a frame is one look-up a pixel.
 */
export function pixelTable(table, { pixelsWide, pixelsHigh, scale, left, top, width, height }) {
  const outside = 2 * width * height;
  const outlined = scale >= 7;
  const inverse = 1 / scale;
  const perColumn = 1 / WIDE;
  for (let py = 0, i = 0; py < pixelsHigh; py++) {
    const y = (py + 0.5 + top) * inverse;
    const band = Math.floor(y / 1.5);
    const high = y - 1.5 * band;
    const shift = 0.5 * (band & 1);
    const shiftAbove = 0.5 - shift;
    for (let px = 0; px < pixelsWide; px++, i++) {
      const across = (px + 0.5 + left) * inverse * perColumn;
      let row = band;
      let column = Math.floor(across - shift);
      if (high < 0.5 && high < Math.abs(across - shift - column - 0.5)) {
        row = band - 1;
        column = Math.floor(across - shiftAbove);
      }
      table[i] = column < 0 || column >= width || row < 0 || row >= height ? outside : 2 * (row * width + column);
    }
  }
  if (outlined) outline(table, pixelsWide, pixelsHigh);
  return table;
}

function outline(table, pixelsWide, pixelsHigh) {
  for (let i = 0, end = pixelsWide * (pixelsHigh - 1) - 1; i < end; i++) {
    const here = table[i];
    if (here !== table[i + 1] || here !== table[i + pixelsWide]) table[i] = here | 1;
  }
}

/** The six neighbours of a cell that lie on the grid. */
export function neighbours(cell, width, height) {
  const row = Math.floor(cell / width);
  const column = cell % width;
  const odd = row & 1;
  return [
    [1, 0],
    [odd, -1],
    [odd - 1, -1],
    [-1, 0],
    [odd - 1, 1],
    [odd, 1],
  ]
    .map(([dc, dr]) => [column + dc, row + dr])
    .filter(([c, r]) => c >= 0 && c < width && r >= 0 && r < height)
    .map(([c, r]) => r * width + c);
}
