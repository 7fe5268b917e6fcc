// What NiceGUI mounts: it hands the element over to the modules and keeps out of their way.

import { start } from "chronopolis/index.js";

export default {
  template: `<div class="polis"></div>`,
  props: { view: String, run: String, path: String, a: String, b: String, codes: Object, kinds: Array },
  async mounted() {
    document.documentElement.lang = "en";
    this.$el.closest("main")?.setAttribute("role", "presentation"); // the page has one of its own within
    // Plain copies: a look-up through the proxy, in a loop over pixels, costs fifty times as much.
    const given = JSON.parse(JSON.stringify(this.$props));
    this.session = null;
    this.session = await start(this.$el, given);
  },
  unmounted() {
    this.session?.end?.();
  },
};
