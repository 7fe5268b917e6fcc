export const startComparison = () => null;
