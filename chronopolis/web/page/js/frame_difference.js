// Who differs between two frames of the same tick. Rows are in the order of ids, so one walk along both tells.

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
