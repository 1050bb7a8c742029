// What the figures should stay under on a machine of two cores that does nothing else. A target that is missed is shown, not
// failed: the same code is slower beside other work, and a benchmark is no test.
import type { Journey } from './journey.ts';
import type { Starts } from './starts.ts';

export type Figures = Partial<Journey> & { rounds?: number; starts?: Starts };
export type Judgement = { what: string; target: number; measured: number; met: boolean };

const P95_MS: Record<string, number> = {
    sign_in_password: 300,
    sign_in_code_entered: 300,
    today: 120,
    open_job: 150,
    issue_invoice: 400,
    pay_to_shown: 1500
};
const STACK_COLD_MS = 10_000;
const STACK_WARM_MS = 5_000;
const STACK_IDLE_MB = 400;
const APP_SCRIPT_KIB = 150;
const CUSTOMER_SCRIPT_KIB = 50;

/** Every target that was measured. */
export function judged({ steps = {}, starts, idle, script }: Figures): Judgement[] {
    const found: [what: string, target: number, measured: number | undefined][] = [
        ...Object.entries(P95_MS).map(([name, target]): [string, number, number | undefined] => [
            `${name} p95, ms`,
            target,
            steps[name]?.p95_ms
        ]),
        ['stack cold with migrations, ms', STACK_COLD_MS, starts?.stack_cold_seeded_ms],
        ['stack warm, ms', STACK_WARM_MS, starts?.stack_warm_ms],
        ['stack at rest, MB (PSS)', STACK_IDLE_MB, idle?.stack?.pss_mb],
        ['script of an app page, KiB (gzip)', APP_SCRIPT_KIB, script?.app.gzip_kib],
        ['script of the customer’s page, KiB', CUSTOMER_SCRIPT_KIB, script?.customer.gzip_kib]
    ];
    return found.flatMap(([what, target, measured]) =>
        measured === undefined ? [] : [{ what, target, measured, met: measured <= target }]
    );
}
