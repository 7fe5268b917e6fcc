// Where each page begins.

import { startComparison } from "./comparison.js";
import { startRuns } from "./runs.js";
import { startSession } from "./session.js";

const VIEWS = { run: startSession, runs: startRuns, compare: startComparison };

export const start = (root, given) => VIEWS[given.view](root, given);
