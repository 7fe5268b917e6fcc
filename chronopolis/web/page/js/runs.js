export const startRuns = () => null;
