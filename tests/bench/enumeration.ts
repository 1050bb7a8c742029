// `npm run bench -- enumeration`: can the gate's answers tell logins that somebody has from logins that nobody has? Both are
// asked for in turns drawn by lot, by each way that names a login; then words, headers and times are compared. Every call
// comes from an address of its own, so that no limit is met and none is switched off.
import { randomUUID } from 'node:crypto';
import { hash } from 'bcryptjs';
import { admin } from '../support/business.ts';
import { startOwnStack, type StackInfo } from '../support/stack.ts';
import { anyAddress, knockAt } from './auth/door.ts';
import { shuffled } from './lot.ts';
import { percentile } from './samples.ts';
import { compared, type Comparison } from './statistics.ts';
import type { Judgement } from './targets.ts';

const WARM_UP = 20;
/** So unlikely may the least likely of all tests be, where all of it is chance (Bonferroni, 1 in 100). */
const LEAST_P = 0.01;

type Call = { path: string; body: Record<string, string> };
type Heard = { ms: number; said: string };
type Way = {
    name: string;
    call(email: string): Call;
    /** Is the call after it what is timed? */ next?: true;
};

const PKCE = { code_challenge: 'a'.repeat(43), code_challenge_method: 's256' };
const ways: readonly Way[] = [
    {
        name: 'a password',
        call: (email) => ({ path: 'token?grant_type=password', body: { email, password: 'a wrong guess' } })
    },
    {
        name: 'entering a code',
        call: (email) => ({ path: 'verify', body: { email, token: '000000', type: 'email' } })
    },
    { name: 'a code to sign in or up', call: (email) => ({ path: 'otp', body: { email, ...PKCE } }) },
    { name: 'a code to reset', call: (email) => ({ path: 'recover', body: { email, ...PKCE } }) },
    { name: 'a code once more', call: (email) => ({ path: 'resend', body: { email, type: 'signup' } }) },
    {
        name: 'whatever follows a reset',
        call: (email) => ({ path: 'recover', body: { email, ...PKCE } }),
        next: true
    }
];

type Compared = {
    way: string;
    identical: boolean;
    known: { n: number; p50_ms: number; p95_ms: number };
    unknown: { n: number; p50_ms: number; p95_ms: number };
    /** The known ones against themselves, as they came in turns: what chance alone looks like. */
    chance: Comparison;
} & Comparison;

export type EnumerationFigures = { attempts_per_way: number; ways: Compared[]; targets: Judgement[] };

const nobody = (): string => `person-${randomUUID()}@example.test`;
const one = (value: number): number => Math.round(value * 10) / 10;

/** Headers that are another's each time, whoever asks. */
const OWN = ['date', 'x-request-id'];

async function heard(info: StackInfo, { path, body }: Call): Promise<Heard> {
    const began = performance.now();
    const answer = await knockAt(info, path, body, { ip: anyAddress() });
    const text = await answer.text();
    const ms = performance.now() - began;
    const headers = [...answer.headers].filter(([name]) => !OWN.includes(name));
    return { ms, said: JSON.stringify([answer.status, headers, text]) };
}

async function compare(info: StackInfo, way: Way, people: readonly string[]): Promise<Compared> {
    const act = async (email: string): Promise<Heard> => {
        const first = await heard(info, way.call(email));
        if (!way.next) return first;
        const after = await heard(info, way.call(nobody()));
        return { ms: after.ms, said: first.said };
    };
    for (let n = 0; n < WARM_UP; n += 1) await act(nobody());
    const times = { known: [] as number[], unknown: [] as number[] };
    const said = { known: new Set<string>(), unknown: new Set<string>() };
    const turns = shuffled([
        ...people.map((email) => ({ kind: 'known', email }) as const),
        ...people.map(() => ({ kind: 'unknown', email: nobody() }) as const)
    ]);
    for (const { kind, email } of turns) {
        const answer = await act(email);
        times[kind].push(answer.ms);
        said[kind].add(answer.said.replaceAll(email, '<login>'));
    }
    const summed = (values: readonly number[]) => ({
        n: values.length,
        p50_ms: one(percentile(values, 0.5)),
        p95_ms: one(percentile(values, 0.95))
    });
    const half = (odd: number): number[] => times.known.filter((_, n) => n % 2 === odd);
    return {
        way: way.name,
        identical: said.known.size === 1 && [...said.known].join() === [...said.unknown].join(),
        known: summed(times.known),
        unknown: summed(times.unknown),
        ...compared(times.known, times.unknown),
        chance: compared(half(0), half(1))
    };
}

/** Compares; `rounds` is how many of each kind are asked by each way. */
export async function enumeration(rounds: number, log: (line: string) => void): Promise<EnumerationFigures> {
    const stack = await startOwnStack();
    process.env.TF_STACK = JSON.stringify(stack.info);
    try {
        const passwordHash = await hash(randomUUID(), 10);
        const people: string[] = [];
        for (let n = 0; n < rounds; n += 1) {
            const email = nobody();
            const { error } = await admin().auth.admin.createUser({
                email,
                password_hash: passwordHash,
                email_confirm: true
            });
            if (error) throw error;
            people.push(email);
        }
        log(`${rounds} people have a login`);
        const found: Compared[] = [];
        for (const way of ways) {
            const result = await compare(stack.info, way, people);
            found.push(result);
            log(
                `${way.name.padEnd(26)}${result.identical ? 'the same words' : 'OTHER WORDS   '}  ` +
                    `${result.known.p50_ms}/${result.unknown.p50_ms} ms  U p=${result.mann_whitney_p} AUC ${result.auc}  ` +
                    `KS D=${result.ks_d} p=${result.ks_p}  guessed right ${result.guessed_right}`
            );
        }
        const ps = found.flatMap((way) => [way.mann_whitney_p, way.ks_p]);
        const least = round(Math.min(1, Math.min(...ps) * ps.length));
        const others = found.filter(({ identical }) => !identical).length;
        return {
            attempts_per_way: 2 * rounds,
            ways: found,
            targets: [
                { what: 'ways whose words differ', target: 0, measured: others, met: others === 0 },
                {
                    what: 'least p of all tests, corrected',
                    target: LEAST_P,
                    measured: least,
                    met: least >= LEAST_P
                }
            ]
        };
    } finally {
        await stack.stopAndForget();
    }
}

const round = (value: number): number => Math.round(value * 10_000) / 10_000;
