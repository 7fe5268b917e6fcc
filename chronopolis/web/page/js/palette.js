// Colours. Hues of agents are those of Okabe and Ito, which people with any colour vision tell apart;
// the land is kept pale or dark and low in saturation, so that what lives on it stands out.

const hex = (text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));

export const OCCUPATIONS = ["#e69f00", "#009e73", "#56b4e9", "#cc79a7", "#f0e442"];
export const INTENTIONS = ["#e69f00", "#009e73", "#56b4e9", "#cc79a7", "#8c96a8", "#f0e442", "#d55e00", "#0072b2"];
export const NOTHING = "#9aa3b2";
export const NEEDS = { energy: "#e69f00", satiety: "#009e73", company: "#0072b2" };
export const SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

// Cividis, thinned to five stops: even in lightness, and the same for all eyes.
const CIVIDIS = ["#00306f", "#424d6b", "#7c7b78", "#b9ac70", "#fee838"].map(hex);

const THEMES = {
  light: {
    outside: "#eceef1",
    edge: -16,
    // water, grassland, forest, marsh, hills, mountain
    biomes: ["#b9d3e6", "#d3dfb4", "#a9c7a0", "#bccfc0", "#dccfae", "#cfcdca"],
    bare: "#e9e2d0",
    low: "#f4f1ea",
    resources: ["#7a8f00", "#00744f", "#5b6d86", "#9a3f6d"],
    elevation: ["#f3efe4", "#d9c9a3", "#b59a72", "#8a7a6c", "#f6f6f8"],
    ring: [33, 37, 45],
    tie: [20, 30, 60],
    shade: 0.55,
  },
  dark: {
    outside: "#101318",
    edge: -10,
    biomes: ["#1d3850", "#3b4a2c", "#24402f", "#34463e", "#524731", "#53545a"],
    bare: "#3c3527",
    low: "#1b1e24",
    resources: ["#c9d84a", "#3ecf9a", "#9db7d8", "#e58cbc"],
    elevation: ["#1d2128", "#3a3a33", "#5f5540", "#8a7d6a", "#dcdde2"],
    ring: [8, 10, 14],
    tie: [200, 215, 255],
    shade: 0.7,
  },
};

export const packed = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
const mixed = (a, b, t) => [0, 1, 2].map((i) => a[i] + (b[i] - a[i]) * t);
const lit = (c, by) => c.map((v) => Math.max(0, Math.min(255, v + by)));

function ramp(stops, t) {
  const at = Math.max(0, Math.min(0.9999, t)) * (stops.length - 1);
  return mixed(stops[Math.floor(at)], stops[Math.floor(at) + 1], at % 1);
}

export const isDark = () => document.body.classList.contains("body--dark");

export function theme() {
  const named = THEMES[isDark() ? "dark" : "light"];
  return {
    ...named,
    outside: hex(named.outside),
    biomes: named.biomes.map(hex),
    bare: hex(named.bare),
    low: hex(named.low),
    resources: named.resources.map(hex),
    elevation: named.elevation.map(hex),
  };
}

/** Light from the north-west on slopes: one number a cell around 0, from the heights of its neighbours. */
export function hillshade(elevation, width, height) {
  const shade = new Float32Array(width * height);
  const highest = elevation.reduce((a, b) => Math.max(a, b), 1);
  for (let row = 0, cell = 0; row < height; row++) {
    for (let column = 0; column < width; column++, cell++) {
      const west = elevation[cell - (column > 0 ? 1 : 0)];
      const east = elevation[cell + (column < width - 1 ? 1 : 0)];
      const north = elevation[cell - (row > 0 ? width : 0)];
      const south = elevation[cell + (row < height - 1 ? width : 0)];
      shade[cell] = Math.max(-1, Math.min(1, ((east - west + south - north) / highest) * 6));
    }
  }
  return shade;
}

/** Colours of the land as a table of 2 · cells + 2: each cell, its outline, and what lies beyond. */
export class Ground {
  constructor(terrain) {
    this.terrain = terrain;
    this.colours = new Uint32Array(2 * terrain.n + 2);
    this.shade = hillshade(terrain.elevation, terrain.width, terrain.height);
    this.#prepare();
  }

  /** For another theme. */
  #prepare() {
    this.theme = theme();
    const { elevation, biome, n } = this.terrain;
    const highest = elevation.reduce((a, b) => Math.max(a, b), 1);
    const rgb = (pick) => {
      const flat = new Float32Array(3 * n);
      for (let cell = 0; cell < n; cell++)
        flat.set(lit(pick(cell), this.shade[cell] * 26 * this.theme.shade), 3 * cell);
      return flat;
    };
    this.full = rgb((cell) => lit(this.theme.biomes[biome[cell]], (elevation[cell] / highest) * 8));
    this.bare = rgb((cell) => (biome[cell] === 0 ? this.theme.biomes[0] : this.theme.bare));
    this.heights = rgb((cell) =>
      biome[cell] === 0 ? this.theme.biomes[0] : ramp(this.theme.elevation, elevation[cell] / highest),
    );
    this.dull = rgb((cell) => (biome[cell] === 0 ? mixed(this.theme.biomes[0], this.theme.low, 0.6) : this.theme.low));
    const [beyond] = [packed(this.theme.outside)];
    this.colours[2 * n] = this.colours[2 * n + 1] = beyond;
  }

  retheme() {
    this.#prepare();
  }

  /** Fill the table for a frame. `layer` is land, elevation, or the number of a resource. */
  paint(layer, stock) {
    const { n } = this.terrain;
    const { colours } = this;
    const edge = this.theme.edge;
    const put = (cell, r, g, b) => {
      colours[2 * cell] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
      const er = r + edge < 0 ? 0 : r + edge;
      const eg = g + edge < 0 ? 0 : g + edge;
      const eb = b + edge < 0 ? 0 : b + edge;
      colours[2 * cell + 1] = ((255 << 24) | (eb << 16) | (eg << 8) | er) >>> 0;
    };
    if (layer === "elevation") {
      const { heights } = this;
      for (let cell = 0; cell < n; cell++) put(cell, heights[3 * cell], heights[3 * cell + 1], heights[3 * cell + 2]);
      return colours;
    }
    // Land fades to bare earth where it was eaten or cut; a resource's own layer goes from dull to its hue.
    const resource = layer === "land" ? null : this.theme.resources[layer];
    const low = resource ? this.dull : this.bare;
    const { full } = this;
    const { biome } = this.terrain;
    const offset = resource ? layer * n : 0;
    for (let cell = 0; cell < n; cell++) {
      const c = 3 * cell;
      let t;
      let r;
      let g;
      let b;
      if (resource) {
        t = stock[offset + cell] / 255;
        [r, g, b] = resource;
      } else {
        // Food shows on grassland, wood in the forest, and stone on heights.
        const kind = biome[cell];
        const grown = stock[(kind === 2 ? n : kind >= 4 ? 2 * n : 0) + cell];
        t = kind === 0 ? 1 : 0.15 + (0.85 * grown) / 255;
        r = full[c];
        g = full[c + 1];
        b = full[c + 2];
      }
      put(cell, low[c] + (r - low[c]) * t, low[c + 1] + (g - low[c + 1]) * t, low[c + 2] + (b - low[c + 2]) * t);
    }
    return colours;
  }
}

/** What agents can be coloured by: how many classes there are, their colours, and the class of a row of a frame. */
export function colouring(by, codes) {
  if (by === "occupation") {
    return { colours: OCCUPATIONS, names: codes.occupation, classOf: (frame, row) => frame.occupation[row] };
  }
  if (by === "intention") {
    const none = INTENTIONS.length;
    return {
      colours: [...INTENTIONS, NOTHING],
      names: [...codes.intention, "none"],
      classOf: (frame, row) => Math.min(none, frame.intention[row]),
    };
  }
  const steps = 16;
  return {
    colours: Array.from({ length: steps }, (_, i) => css(ramp(CIVIDIS, i / (steps - 1)))),
    names: null,
    classOf: (frame, row) => Math.min(steps - 1, Math.max(0, (frame[by][row] * steps) / 10_001) | 0),
  };
}

export const css = ([r, g, b]) => `#${[r, g, b].map((v) => Math.round(v).toString(16).padStart(2, "0")).join("")}`;
export const rgbOf = hex;
