import { el } from './dom.js'; export const eventsPanel = () => ({ node: el('section'), select() {}, of() {} });
