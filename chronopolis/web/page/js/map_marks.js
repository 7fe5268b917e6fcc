// Marks above the map: the hovered and the selected cell, the selected agent, those that differ between two runs.

import { centreX, centreY } from "./hexes.js";

/** Marks: the hovered and the selected cell, the selected agent, those that differ. */
export function drawMarks(map, context) {
  context.clearRect(0, 0, map.above.width, map.above.height);
  const { ink, accent } = map;
  if (map.hovered !== null) hexagon(map, context, map.hovered, ink, 1.2);
  if (map.cell !== null) hexagon(map, context, map.cell, accent, 2.4);
  if (map.others) for (const id of map.others) ring(map, context, id, accent, 1.4, 2);
  if (map.agent !== null) ring(map, context, map.agent, ink, 2, 4);
}

function hexagon(map, context, cell, colour, width) {
  const { scale, left, top } = map.view;
  const x = centreX(cell, map.terrain.width) * scale - left;
  const y = centreY(cell, map.terrain.width) * scale - top;
  context.beginPath();
  for (let k = 0; k < 6; k++) {
    const angle = (Math.PI / 3) * k + Math.PI / 6;
    context.lineTo(x + scale * Math.cos(angle), y + scale * Math.sin(angle));
  }
  context.closePath();
  context.strokeStyle = colour;
  context.lineWidth = width * map.ratio;
  context.stroke();
}

function ring(map, context, agent, colour, width, gap) {
  const place = map.placeOf(agent);
  if (!place) return;
  context.beginPath();
  context.arc(place.x, place.y, map.radius + gap * map.ratio, 0, 2 * Math.PI);
  context.strokeStyle = colour;
  context.lineWidth = width * map.ratio;
  context.stroke();
}
