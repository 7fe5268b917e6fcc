// Where each page begins.

import { startComparison } from "./comparison.js";
import { startNothing } from "./nothing.js";
import { startRuns } from "./runs.js";
import { startSession } from "./session.js";

const VIEWS = { run: startSession, runs: startRuns, compare: startComparison, nothing: startNothing };

export const start = (root, given) => VIEWS[given.view](root, given);
