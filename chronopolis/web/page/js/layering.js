// From the two trees of an answer to layers: depth is a row, and each event stands once, near what it is linked to.

const FIT = 3; // columns that are always seen

/**
 * @returns {{nodes, edges, columns, rows}} each node {event, row, column, asked}, each edge {from, to, link}; a cause is
 * above what it led to.
 */
export function layered(found, { most = 60 } = {}) {
  const nodes = new Map();
  const edges = [];
  const key = (event) => `${event.tick}:${event.ordinal}`;
  const root = { event: found.event, level: 0, asked: true, near: 0 };
  nodes.set(key(found.event), root);
  // Level by level, so that what is far is left out first.
  let level = [
    ...(found.causes ?? []).map((event) => ({ event, parent: root, side: "causes" })),
    ...(found.effects ?? []).map((event) => ({ event, parent: root, side: "effects" })),
  ];
  while (level.length) {
    const following = [];
    for (const { event, parent, side } of level) {
      const known = nodes.get(key(event));
      if (!known && nodes.size >= most) continue;
      const node = known ?? { event, level: parent.level + (side === "causes" ? -1 : 1), near: 0 };
      if (!known) nodes.set(key(event), node);
      if (node !== parent)
        edges.push(
          side === "causes"
            ? { from: node, to: parent, link: event.link }
            : { from: parent, to: node, link: event.link },
        );
      if (known) continue;
      for (const each of event[side] ?? []) following.push({ event: each, parent: node, side });
    }
    level = following;
  }
  const all = [...nodes.values()];
  const lowest = Math.min(...all.map((node) => node.level));
  const rows = new Map();
  for (const node of all) {
    node.row = node.level - lowest;
    if (!rows.has(node.row)) rows.set(node.row, []);
    rows.get(node.row).push(node);
  }
  const columns = Math.max(...[...rows.values()].map((row) => row.length));
  for (const row of rows.values()) row.sort((a, b) => a.event.tick - b.event.tick || a.event.ordinal - b.event.ordinal);
  settle(rows, edges, columns);
  return { nodes: all, edges: edges.filter(({ from, to }) => from.row < to.row), columns, rows: rows.size };
}

/** Order each row by where its neighbours stand, a few times over, and put it in the middle. */
function settle(rows, edges, columns) {
  const place = (row) => {
    // Of many columns some are out of sight: all rows keep to them, so that the sight can end between two cards.
    const middle = (columns - row.length) / 2;
    const offset = columns > FIT ? Math.floor(middle) : middle;
    row.forEach((node, k) => (node.column = offset + k));
  };
  for (const row of rows.values()) place(row);
  const linked = new Map();
  for (const { from, to } of edges) {
    for (const [a, b] of [
      [from, to],
      [to, from],
    ])
      linked.set(a, [...(linked.get(a) ?? []), b]);
  }
  for (let round = 0; round < 4; round++) {
    for (const row of rows.values()) {
      for (const node of row) {
        const others = linked.get(node) ?? [];
        node.near = others.length ? others.reduce((sum, other) => sum + other.column, 0) / others.length : node.column;
      }
      row.sort((a, b) => a.near - b.near);
      place(row);
    }
  }
}
