// Where the links of the drawn chain lie: evenly along an ellipse, clockwise from the right of the top, so that the last
// one, at the top in the middle, is the one that closes it.

/** One link: its middle, and how far it is turned, in degrees. */
export type Place = { readonly x: number; readonly y: number; readonly turn: number };

const round = (value: number): number => Math.round(value * 100) / 100;

/** Places of `count` links on the ellipse with these half axes around (cx, cy), at equal distances along its line. */
export function ringOf(count: number, cx: number, cy: number, rx: number, ry: number): readonly Place[] {
    const steps = 2_000;
    const at = (step: number) => {
        const angle = -Math.PI / 2 + (step / steps) * 2 * Math.PI;
        return { x: cx + rx * Math.cos(angle), y: cy + ry * Math.sin(angle), angle };
    };
    const lengths = [0];
    for (let step = 1; step <= steps; step += 1) {
        const [from, to] = [at(step - 1), at(step)];
        lengths.push((lengths[step - 1] ?? 0) + Math.hypot(to.x - from.x, to.y - from.y));
    }
    const whole = lengths[steps] ?? 0;
    return Array.from({ length: count }, (_, index) => {
        const wanted = (((index + 1) % count) / count) * whole;
        const { x, y, angle } = at(lengths.findIndex((length) => length >= wanted));
        const turn = (Math.atan2(ry * Math.cos(angle), -rx * Math.sin(angle)) * 180) / Math.PI;
        return { x: round(x), y: round(y), turn: round(turn) };
    });
}
