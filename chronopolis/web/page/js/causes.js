import { el } from './dom.js'; export const causesPanel = () => ({ node: el('section'), select() {}, of() {} });
