import { el } from './dom.js'; export const runPanel = () => ({ node: el('section'), select() {}, of() {} });
