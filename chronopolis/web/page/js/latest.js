// One question at a time: a newer one ends the older, whose answer is of no use any more.

/** `ask(key, signal)` must return a promise; `show(answer, key)` gets only the newest. Equal keys are asked once. */
export function latest(ask, show, { onError = () => {} } = {}) {
  let key = null;
  let control = null;
  return {
    async want(next, { again = false } = {}) {
      if (next === key && !again) return;
      key = next;
      control?.abort();
      const mine = (control = new AbortController());
      try {
        const answer = await ask(next, mine.signal);
        if (mine === control) show(answer, next);
      } catch (error) {
        if (mine !== control || error.name === "AbortError") return;
        key = null;
        onError(error);
      }
    },
    forget() {
      key = null;
      control?.abort();
      control = null;
    },
  };
}
