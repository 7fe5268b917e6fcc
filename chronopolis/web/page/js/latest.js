// One question at a time. While one is under way only the newest of those that follow is kept, so that a cursor that
// moves on and on neither floods the server nor keeps every answer from being shown.

/** `ask(key, signal)` must return a promise; `show(answer, key)` gets what it gives. */
export function latest(ask, show, { onError = () => {} } = {}) {
  let newest = null; // the key that was wanted last
  let under = null; // {control} of the question under way
  let following = null; // {key} of the one after it

  async function run(key) {
    const mine = (under = { control: new AbortController() });
    try {
      const answer = await ask(key, mine.control.signal);
      if (mine === under) show(answer, key);
    } catch (error) {
      if (mine === under && error.name !== "AbortError") {
        newest = null;
        onError(error);
      }
    }
    if (mine !== under) return;
    under = null;
    const next = following;
    following = null;
    if (next) run(next.key);
  }

  function forget() {
    under?.control.abort();
    under = following = newest = null;
  }

  return {
    /** Ask; `again` although the key is the same, `now` in place of what is under way. */
    want(key, { again = false, now = false } = {}) {
      if (key === newest && !again) return;
      if (now) forget();
      newest = key;
      if (under) following = { key };
      else run(key);
    },
    forget,
  };
}
