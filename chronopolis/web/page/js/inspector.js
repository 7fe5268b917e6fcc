import { el } from './dom.js'; export const inspector = () => ({ node: el('section'), select() {}, of() {} });
