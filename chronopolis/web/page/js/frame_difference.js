// Who differs between two frames of the same tick. Rows are in the order of ids, so one walk along both tells.

import { onOneGrid } from "./comparison_side.js";

export function frameDifference(one, other) {
  const apart = { moved: [], needs: 0, onlyA: [], onlyB: [] };
  for (let i = 0, j = 0; i < one.n || j < other.n;) {
    const a = i < one.n ? one.id[i] : Infinity;
    const b = j < other.n ? other.id[j] : Infinity;
    if (a < b) apart.onlyA.push(one.id[i++]);
    else if (b < a) apart.onlyB.push(other.id[j++]);
    else {
      if (one.cell[i] !== other.cell[j]) apart.moved.push(a);
      if (needsDiffer(one, i, other, j)) apart.needs++;
      i++;
      j++;
    }
  }
  return apart;
}

const needsDiffer = (one, i, other, j) =>
  one.energy[i] !== other.energy[j] || one.satiety[i] !== other.satiety[j] || one.company[i] !== other.company[j];

/** Tell who differs between the two frames that are shown: counted here, so that it keeps up with play. */
export function showApart({ sides, clock, common, differences }) {
  const [one, other] = sides.map((side) => side.track.shown);
  const ended = clock.tick > common;
  if (!ended && one?.tick !== other?.tick) return; // one of the two is still on its way
  const apart = ended || !one ? null : frameDifference(one, other);
  // Rings help while they are few; when most differ they would hide what they mark.
  const few = (ids) => (ids.length <= 200 ? ids : null);
  if (apart && !onOneGrid(sides)) apart.moved = []; // nobody can stand where the other does
  sides[0].map.others = apart && few([...apart.moved, ...apart.onlyA]);
  sides[1].map.others = apart && few([...apart.moved, ...apart.onlyB]);
  for (const { map } of sides) map.drawAbove();
  if (apart) differences.frames(apart, one, other, { placed: onOneGrid(sides) });
  else if (ended) differences.ended(sides.find((side) => side.store.head === common));
}
