// Which layers the map shows, with what the colours mean.

import { el, fill } from "./dom.js";
import { words } from "./format.js";
import { icon } from "./icons.js";
import { css } from "./palette.js";

export const GROUNDS = ["land", "elevation", 0, 1, 2, 3];
export const COLOURINGS = ["occupation", "intention", "energy", "satiety", "company"];

export function layerPanel(map, codes, onChange) {
  const groundName = (layer) => (typeof layer === "number" ? codes.good[layer] : layer);
  const box = el("div.layers", { id: "layers", role: "group", "aria-label": "Layers" });
  const legend = el("div.legend", { "aria-label": "Legend" });

  const choose = (options) => {
    map.set(options);
    onChange(options);
    fill(legend, legendOf(map, codes, groundName));
  };
  const pick = (name, title, values, key, titleOf = words) =>
    el(
      "fieldset.choice",
      el("legend", title),
      values.map((value) =>
        el(
          "label",
          el("input", {
            type: "radio",
            name,
            value: String(value),
            checked: map[key] === value,
            onchange: () => choose({ [key]: value }),
          }),
          el("span", titleOf(value)),
        ),
      ),
    );
  const tick = (key, title) =>
    el(
      "label.check",
      el("input", {
        type: "checkbox",
        checked: map[key],
        onchange: (event) => choose({ [key]: event.target.checked }),
      }),
      el("span", title),
    );

  function show() {
    fill(
      box,
      pick("ground", "Ground", GROUNDS, "layer", (layer) => words(groundName(layer))),
      el("fieldset.choice", el("legend", "On it"), tick("agents", "Agents"), tick("ties", "Ties")),
      pick("by", "Agents by", COLOURINGS, "by"),
    );
    fill(legend, legendOf(map, codes, groundName));
  }
  show();
  return {
    box,
    legend,
    show,
    toggle: () => (box.hidden = !box.hidden),
    choose(options) {
      choose(options);
      show();
    },
  };
}

function legendOf(map, codes, groundName) {
  const { colouring } = map;
  const parts = [];
  if (map.agents) {
    parts.push(
      colouring.names
        ? colouring.names.map((name, k) =>
            el("span.key", el("i.dot", { style: { background: colouring.colours[k] } }), words(name)),
          )
        : el(
            "span.key",
            "low",
            el("i.ramp", { style: { background: `linear-gradient(90deg, ${colouring.colours.join(",")})` } }),
            `high ${map.by}`,
          ),
    );
  }
  const { theme } = map.ground;
  if (typeof map.layer === "number") {
    const stops = [css(theme.low), css(theme.resources[map.layer])];
    parts.push(
      el(
        "span.key",
        "none",
        el("i.ramp", { style: { background: `linear-gradient(90deg, ${stops.join(",")})` } }),
        `${groundName(map.layer)}, of what can grow`,
      ),
    );
  } else if (map.layer === "elevation") {
    parts.push(
      el(
        "span.key",
        "low",
        el("i.ramp", { style: { background: `linear-gradient(90deg, ${theme.elevation.map(css).join(",")})` } }),
        "high land",
      ),
    );
  } else {
    parts.push(
      codes.biome.map((name, k) =>
        el("span.key", el("i.cell", { style: { background: css(theme.biomes[k]) } }), words(name)),
      ),
    );
  }
  return parts;
}

export const layerButton = (panel) =>
  el(
    "button.round",
    { type: "button", title: "Layers (l)", "aria-label": "Layers", "aria-controls": "layers", onclick: panel.toggle },
    icon("layers"),
  );
