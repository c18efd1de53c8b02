/** The logos of the demo platform, drawn here so that no picture has to be kept. */
import { crc32, deflateSync } from "node:zlib";

const SIZE = 128;

/**
 * A shape says of each point of the unit square whether it is inside.
 * @typedef {(x: number, y: number) => boolean} Shape
 */
const box = (left, top, right, bottom) => (x, y) => x >= left && x <= right && y >= top && y <= bottom;
const disc = (cx, cy, r) => (x, y) => Math.hypot(x - cx, y - cy) <= r;
const ring = (cx, cy, outer, inner) => (x, y) => disc(cx, cy, outer)(x, y) && !disc(cx, cy, inner)(x, y);
const line = (x1, y1, x2, y2, width) => (x, y) => {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const along = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - x1 - along * dx, y - y1 - along * dy) <= width / 2;
};
const any =
  (...shapes) =>
  (x, y) =>
    shapes.some((shape) => shape(x, y));

const WHITE = [255, 255, 255];

/** The platform's: three bars, as of a plan. */
export const platformLogo = () =>
  draw([
    [box(0, 0.1, 0.62, 0.28), [0x0f, 0x76, 0x6e]],
    [box(0.24, 0.41, 1, 0.59), [0x14, 0xa3, 0x97]],
    [box(0.12, 0.72, 0.78, 0.9), [0x0b, 0x5c, 0x56]],
  ]);

/** The apps', by their kind in demo-data.mjs. One app has none. */
export const appLogos = {
  public: () => draw([all([0xd9, 0x48, 0x2b]), [any(line(0.28, 0.52, 0.44, 0.68, 0.11), line(0.44, 0.68, 0.74, 0.34, 0.11)), WHITE]]),
  basic: () =>
    draw([
      all([0x4b, 0x3f, 0xb5]),
      [any(...[0.3, 0.5, 0.7].flatMap((x) => [0.36, 0.54, 0.72].map((y) => disc(x, y, 0.06)))), WHITE],
      [disc(0.5, 0.54, 0.06), [0xff, 0xc8, 0x45]],
    ]),
  post: () =>
    draw([
      all([0x12, 0x5e, 0x8a]),
      [any(box(0.24, 0.54, 0.37, 0.76), box(0.44, 0.4, 0.57, 0.76), box(0.64, 0.24, 0.77, 0.76)), WHITE],
    ]),
  private_key_jwt: () =>
    draw([all([0x1f, 0x7a, 0x3f]), [ring(0.5, 0.5, 0.28, 0.19), WHITE], [disc(0.5, 0.5, 0.09), [0xbf, 0xf0, 0xc8]]]),
};

function all(colour) {
  return [() => true, colour];
}

/** A PNG of shapes, each over those before it; every pixel is the mean of nine points. */
function draw(layers) {
  const points = [1, 3, 5].map((sixth) => sixth / 6);
  const rows = Array.from({ length: SIZE }, (_, y) => {
    const row = Buffer.alloc(1 + 4 * SIZE); // the first byte: no filter
    for (let x = 0; x < SIZE; x++) {
      let pixel = [0, 0, 0, 0];
      for (const [inside, colour] of layers) {
        const hits = points.flatMap((dx) => points.filter((dy) => inside((x + dx) / SIZE, (y + dy) / SIZE))).length;
        if (hits > 0) pixel = over(pixel, colour, hits / 9);
      }
      row.set(pixel.map(Math.round), 1 + 4 * x);
    }
    return row;
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.set([8, 6], 8); // eight bits each of red, green, blue and alpha
  const signature = Buffer.from("89504e470d0a1a0a", "hex");
  const pixels = deflateSync(Buffer.concat(rows), { level: 9 });
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))]);
}

/** A colour laid over a pixel, where it covers this much of it. */
function over([red, green, blue, alpha], colour, cover) {
  const below = (alpha / 255) * (1 - cover);
  const sum = cover + below;
  const mix = (old, place) => (colour[place] * cover + old * below) / sum;
  return [mix(red, 0), mix(green, 1), mix(blue, 2), sum * 255];
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "ascii"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
