import { el } from './dom.js'; export const measuresPanel = () => ({ node: el('section'), select() {}, of() {} });
