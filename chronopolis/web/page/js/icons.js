// Icons as strokes on a grid of 24, so that they take the colour and the size of the text around them.

const PATHS = {
  play: "M7 4.5v15l12-7.5z",
  reverse: "M17 4.5v15l-12-7.5z",
  pause: "M8 5v14M16 5v14",
  next: "M6 5v14l9-7zM18 5v14",
  previous: "M18 5v14l-9-7zM6 5v14",
  first: "M19 5v14l-7-7zM12 5v14l-7-7zM4 5v14",
  last: "M5 5v14l7-7zM12 5v14l7-7zM20 5v14",
  fork: "M6 3v12M6 15a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM18 3a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM18 9c0 5-5 6-9 7",
  hand: "M13 2 4 14h7l-1 8 9-12h-7z",
  compare: "M4 4h7v16H4zM13 4h7v16h-7z",
  bookmark: "M6 3h12v18l-6-4.5L6 21z",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 21 21",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9.2 9.2c.4-1.7 1.5-2.4 2.9-2.4 1.600 0 2.800 1 2.800 2.500 0 2.200-2.900 2.300-2.900 4.400M12 16.800v.4",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  follow: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v4M12 18v4M2 12h4M18 12h4",
  layers: "M12 3 2.500 8.500 12 14l9.500-5.500zM3 13l9 5.200L21 13",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  close: "M6 6l12 12M18 6 6 18",
  live: "M12 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM7.500 7.500a6.400 6.400 0 0 0 0 9M16.500 7.500a6.400 6.400 0 0 1 0 9M4.700 4.700a10.300 10.300 0 0 0 0 14.600M19.300 4.700a10.300 10.300 0 0 1 0 14.600",
  back: "M15 5l-7 7 7 7",
  link: "M10 14a4 4 0 0 0 6 0l3.500-3.500a4.200 4.200 0 0 0-6-6L12 6M14 10a4 4 0 0 0-6 0l-3.500 3.500a4.200 4.200 0 0 0 6 6L12 18",
  stop: "M6 6h12v12H6z",
  flag: "M6 21V4h11l-2 4 2 4H6",
};

export function icon(name, size = 16) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({
    viewBox: "0 0 24 24",
    width: size,
    height: size,
    fill: "none",
    stroke: "currentColor",
    "stroke-width": 1.8,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
    "aria-hidden": "true",
    class: `icon icon-${name}`,
  }))
    svg.setAttribute(key, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
