// `npm run bench -- stuffing`: somebody with a list of passwords and a thousand addresses tries it on every login, while the
// people whose logins they are come and go. How many accounts are opened, and who of the honest is kept out?
import { randomInt, randomUUID } from 'node:crypto';
import { hash } from 'bcryptjs';
import { admin } from '../support/business.ts';
import { startOwnStack, type StackInfo } from '../support/stack.ts';
import { anyAddress, attempt, inParallel } from './auth/door.ts';
import { percentile, timed } from './samples.ts';
import type { Judgement } from './targets.ts';

const PEOPLE = 100;
/** Logins on the attacker's list that nobody has. */
const NOBODIES = 100;
const ADDRESSES = 1_000;
const CALLERS = 20;
/** Everybody's password stands on the attacker's list, after so many others: without limits all are opened. */
const EARLIEST = 15;

type Person = { email: string; password: string; home: string; dev: string };

export type StuffingFigures = {
    attempts: number;
    seconds: number;
    /** What became of the attacker's attempts. */
    outcome: { reached_the_auth_server: number; refused: number; failed: number; accounts_opened: number };
    /** Sign-ins of people at a device that signed in before, at home and at an address that the attacker uses too. */
    known_devices: { sign_ins: number; locked_out: number; p50_ms: number; p95_ms: number };
    /** The same people at a device that their login does not know, in the midst of it: what the pause costs. */
    new_devices: { sign_ins: number; told_to_use_a_code: number };
    targets: Judgement[];
};

async function aPerson(info: StackInfo, passwords: readonly string[]): Promise<Person> {
    const email = `person-${randomUUID()}@example.test`;
    const password = passwords[randomInt(EARLIEST, passwords.length)] ?? '';
    const { error } = await admin().auth.admin.createUser({
        email,
        // As cheap as bcrypt allows: the limits are measured here, not the hash.
        password_hash: await hash(password, 4),
        email_confirm: true
    });
    if (error) throw error;
    const home = anyAddress();
    const { status, device } = await attempt(info, { email, password }, { ip: home });
    if (status !== 200 || device === undefined) throw new Error(`The first sign-in answered ${status}.`);
    return { email, password, home, dev: device };
}

/** Everything that happens, shuffled as it would come: the attacker's attempts and, among them, the people's own. */
function shuffled<Piece>(pieces: readonly Piece[]): Piece[] {
    const all = [...pieces];
    for (let last = all.length - 1; last > 0; last -= 1) {
        const other = randomInt(last + 1);
        [all[last], all[other]] = [all[other] as Piece, all[last] as Piece];
    }
    return all;
}

/** Attacks; `rounds` is how many passwords are tried on each login. */
export async function stuffing(rounds: number, log: (line: string) => void): Promise<StuffingFigures> {
    const stack = await startOwnStack({ durable: true });
    process.env.TF_STACK = JSON.stringify(stack.info);
    try {
        const { info } = stack;
        const passwords = Array.from(
            { length: Math.max(rounds, EARLIEST + 1) },
            (_, n) => `password number ${n}`
        );
        const people: Person[] = [];
        for (let n = 0; n < PEOPLE; n += 1) people.push(await aPerson(info, passwords));
        const nobodies = Array.from({ length: NOBODIES }, () => `nobody-${randomUUID()}@example.test`);
        const addresses = Array.from({ length: ADDRESSES }, anyAddress);
        const anyOfTheirs = () => addresses[randomInt(ADDRESSES)] ?? '';
        log(`${PEOPLE} people signed in once, each at a device of theirs`);

        const outcome = { reached_the_auth_server: 0, refused: 0, failed: 0, accounts_opened: 0 };
        const known = { sign_ins: 0, locked_out: 0 };
        const knownMs: number[] = [];
        const fresh = { sign_ins: 0, told_to_use_a_code: 0 };

        const attack = (email: string, password: string) => async (): Promise<void> => {
            const { status } = await attempt(info, { email, password }, { ip: anyOfTheirs() });
            if (status === 429) outcome.refused += 1;
            else if (status >= 500) outcome.failed += 1;
            else outcome.reached_the_auth_server += 1;
            if (status === 200) outcome.accounts_opened += 1;
        };
        const comeHome = (person: Person, ip: string) => async (): Promise<void> => {
            knownMs.push(
                await timed(async () => {
                    const { status } = await attempt(info, person, { ip, dev: person.dev });
                    known.sign_ins += 1;
                    if (status !== 200) known.locked_out += 1;
                })
            );
        };

        // Password after password, each on all logins, as a list is worked through; the people come in between.
        const logins = [...people.map(({ email }) => email), ...nobodies];
        const visits = shuffled(
            people.flatMap((person) => [comeHome(person, person.home), comeHome(person, anyOfTheirs())])
        );
        const events: (() => Promise<void>)[] = [];
        for (const [n, password] of passwords.slice(0, rounds).entries()) {
            const own = visits.slice(
                Math.floor((n * visits.length) / rounds),
                Math.floor(((n + 1) * visits.length) / rounds)
            );
            events.push(...shuffled([...logins.map((email) => attack(email, password)), ...own]));
        }
        const wall = await timed(() => inParallel(CALLERS, events, (event) => event()));
        const attempts = rounds * logins.length;
        log(`${attempts} attempts in ${Math.round(wall / 1000)} s: ${JSON.stringify(outcome)}`);

        // A new phone on that very day: what the pause costs the honest, for whom the code is there.
        await inParallel(CALLERS, people, async (person) => {
            const { status } = await attempt(info, person, { ip: anyAddress() });
            fresh.sign_ins += 1;
            if (status === 429) fresh.told_to_use_a_code += 1;
        });
        const known_devices = {
            ...known,
            p50_ms: Math.round(percentile(knownMs, 0.5)),
            p95_ms: Math.round(percentile(knownMs, 0.95))
        };
        log(`known devices: ${JSON.stringify(known_devices)}; new ones: ${JSON.stringify(fresh)}`);
        const none = (what: string, measured: number): Judgement => ({
            what,
            target: 0,
            measured,
            met: measured === 0
        });
        return {
            attempts,
            seconds: Math.round(wall / 1000),
            outcome,
            known_devices,
            new_devices: fresh,
            targets: [
                none('accounts opened', outcome.accounts_opened),
                none('known devices locked out', known_devices.locked_out),
                none('attempts that failed on our side', outcome.failed)
            ]
        };
    } finally {
        await stack.stopAndForget();
    }
}
