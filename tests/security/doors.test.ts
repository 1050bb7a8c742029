// Both checks, each alone. Every protected load, action and endpoint, read off the routes, is tried by who may and by who may
// not: with both checks on; with the server's off, so that the database refuses; with the database's off, so that the
// server refuses; and with both off, which must let everybody in, or one of the refusals before was not ours.
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type RunningApp } from '../support/app.ts';
import { freePort } from '../support/port.ts';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { aWorld, doors, tryDoor, WHO, type Door, type Outcome, type Who, type World } from './doors/doors.ts';
import { buildWithoutGuards, openTheDatabase } from './doors/off.ts';

const all = doors();
/** Who may not. A door that asks for a person only is open to every person, who finds nothing but what is theirs there. */
const refused = all.flatMap((door) =>
    WHO.filter((who) => who === 'nobody' || (who !== 'owner' && door.permission !== null)).map((who) => ({
        door,
        title: door.title,
        who
    }))
);
const isLoad = (door: Door): boolean => door.what === 'load';

/** What somebody who may not is answered by the server, before the database is asked for anything but who they are. */
function expectTurnedAway(door: Door, who: Who, outcome: Outcome): void {
    expect(outcome.shown, 'something of the business was shown').toBe(false);
    expect(outcome.changed, 'tables that changed').toEqual([]);
    if (who === 'nobody') {
        if (/^[A-Z]+$/.test(door.what)) expect(outcome.status).toBe(401);
        else expect([outcome.status, outcome.location]).toEqual([303, expect.stringMatching(/^\/sign-in\?/)]);
    } else if (who === 'agent') {
        expect(outcome.status, 'a member without the permission').toBe(403);
    } else if (isLoad(door) && !door.route.includes('[')) {
        // A list or a blank form: the stranger gets that of their own business.
        expect(outcome.status).toBe(200);
    } else {
        expect(outcome.status, 'the owner of another business').toBe(404);
    }
}

/** What the right person gets. */
function expectLetIn(door: Door, outcome: Outcome): void {
    expect([200, 303], `answered ${outcome.status} ${outcome.location}`).toContain(outcome.status);
    if (door.what === 'load') expect(outcome.status).toBe(200);
    expect(outcome.location).not.toMatch(/^\/(sign-in\?next|welcome)/);
    if (door.example.does === 'shows') expect(outcome.shown, 'the page shows what was typed').toBe(true);
    if (door.example.does === 'changes') expect(outcome.changed, 'tables that changed').not.toEqual([]);
    else expect(outcome.changed).toEqual([]);
}

let here: World;
let there: World;
let unguarded: RunningApp;
let ownStack: OwnStack;
let guardedThere: RunningApp;
let unguardedThere: RunningApp;
const stackHere = process.env.TF_STACK;
const app = process.env.TF_APP_URL ?? '';

/** The builders make their people on the stack that TF_STACK names. */
const onStack = (info: string | undefined) => () => void (process.env.TF_STACK = info);

// With a build in it: a minute and more where many share the machine.
beforeAll(async () => {
    const [folder, world, own, ports] = await Promise.all([
        buildWithoutGuards(),
        aWorld(app),
        startOwnStack(),
        Promise.all([freePort(), freePort(), freePort()])
    ]);
    [here, ownStack] = [world, own];
    [unguarded, guardedThere, unguardedThere] = await Promise.all([
        startApp(JSON.parse(stackHere ?? '') as OwnStack['info'], ports[0], { projectDir: folder }),
        startApp(own.info, ports[1]),
        startApp(own.info, ports[2], { projectDir: folder })
    ]);
    onStack(JSON.stringify(own.info))();
    there = await aWorld(guardedThere.url);
    const sql = postgres(own.info.superuserUrl, { max: 1, onnotice: () => undefined });
    await openTheDatabase(sql);
    await sql.end();
    onStack(stackHere)();
}, 600_000);

afterAll(async () => {
    onStack(stackHere)();
    await Promise.all([here?.end(), there?.end()]);
    await Promise.all([unguarded?.stop(), guardedThere?.stop(), unguardedThere?.stop()]);
    await ownStack?.stopAndForget();
});

it('[ACC-1] every protected load, action and endpoint is among the doors that are tried', () => {
    expect(all.filter(({ guard }) => guard === null)).toEqual([]);
    expect(all.length).toBeGreaterThan(40);
    expect(all.filter(({ example }) => example.does === 'neither' && !example.because)).toEqual([]);
});

describe('[ACC-2] with both checks', () => {
    it.each(refused)('$who is turned away at $title and changes nothing', async ({ door, who }) => {
        expectTurnedAway(door, who, await tryDoor(here, app, door, who));
    });
});

describe('[ACC-1] with the server’s check off the database refuses', () => {
    it.each(refused)('$who gets nothing and changes nothing at $title', async ({ door, who }) => {
        const outcome = await tryDoor(here, unguarded.url, door, who);
        expect(outcome.shown, 'something of the business was shown').toBe(false);
        expect(outcome.changed, 'tables that changed').toEqual([]);
        if (door.example.does !== 'changes') return;
        if (outcome.status === 303) expect(outcome.location).toMatch(/^\/sign-in\?/);
        else expect(outcome.status, 'says so').toBeGreaterThanOrEqual(400);
    });
});

describe('[ACC-1] with the database’s policies replaced by true the server refuses', () => {
    beforeAll(() => onStack(JSON.stringify(ownStack.info))());
    afterAll(onStack(stackHere));

    it.each(refused)('$who is turned away at $title and changes nothing', async ({ door, who }) => {
        expectTurnedAway(door, who, await tryDoor(there, guardedThere.url, door, who));
    });

    const decided = refused.filter(({ door }) => door.example.does !== 'neither' && door.permission !== null);
    it.each(decided)('and with both off $who gets in at $title', async ({ door, who }) => {
        const outcome = await tryDoor(there, unguardedThere.url, door, who, { afresh: true });
        const got = outcome.shown || outcome.changed.length > 0;
        const third = door.example.thirdCheck?.for.some((other) => other === who) ?? false;
        expect(got, `answered ${outcome.status}`).toBe(!third);
    });
});

// Last, since it signs the owner out.
describe('[ACC-2] and its twin: the owner', () => {
    it.each(all)('is let in at $title', async (door) => {
        expectLetIn(door, await tryDoor(here, app, door, 'owner'));
    });
});
