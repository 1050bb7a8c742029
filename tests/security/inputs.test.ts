// Whatever is sent: every form and endpoint there is, read off the routes, gets a right request of which one field is made up.
// It is taken, or refused with a reason; it never breaks anything, what is refused changes nothing, and what was typed is kept.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aVisitor, type Visitor } from '../support/visitor.ts';
import { aWorld, doors, type World } from './doors/doors.ts';
import type { Request } from './doors/examples/example.ts';

const RUNS = 6;
const app = process.env.TF_APP_URL ?? '';

/** What nobody should type, and somebody does. */
const madeUp = fc.oneof(
    { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 80 }) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.toWellFormed()) },
    { weight: 1, arbitrary: fc.integer({ min: 500, max: 30_000 }).map((length) => 'x'.repeat(length)) },
    {
        weight: 4,
        arbitrary: fc.constantFrom(
            ...['', ' ', '\u0000', '\u202Eevil', '-1', '0', '1e309', 'NaN', '99999999999999999999', '0x10'],
            ...[
                '2026-02-30',
                '0000-00-00',
                '275761-01-01',
                'null',
                'undefined',
                '[]',
                '{}',
                '[object Object]'
            ],
            ...['../../etc/passwd', "'; drop table jobs --", '<script>alert(1)</script>', '%00', '\r\nx: y'],
            ...['01900000-0000-7000-8000-000000000000', 'a@b', '"a b"@example.test', '__proto__', '£12.50']
        )
    }
);
const madeUpJson = fc.oneof(madeUp, fc.jsonValue({ maxDepth: 2 }), fc.constant(undefined));

const decoded = (html: string): string =>
    html
        .replace(/&quot;/g, '"')
        .replace(/&#39;/g, "'")
        .replace(/&lt;/g, '<')
        .replace(/&gt;/g, '>')
        .replace(/&amp;/g, '&');

/** What stands in the fields of that name that somebody types text into; passwords and codes are never handed back. */
function shownIn(page: string, name: string): string[] {
    const isNamed = (tag: string): boolean => decoded(/ name="([^"]*)"/.exec(tag)?.[1] ?? '') === name;
    const isTyped = (tag: string): boolean =>
        !/ type="(hidden|password|radio|checkbox|file|number|date)"/.test(tag) &&
        !tag.includes('one-time-code');
    const inputs = [...page.matchAll(/<input\b(?:"[^"]*"|[^>"])*>/g)].map(([tag]) => tag);
    const areas = [...page.matchAll(/(<textarea\b[^>]*>)([\s\S]*?)<\/textarea>/g)];
    return [
        ...inputs
            .filter((tag) => isNamed(tag) && isTyped(tag))
            .map((tag) => / value="([^"]*)"/.exec(tag)?.[1] ?? ''),
        ...areas.filter(([, tag = '']) => isNamed(tag)).map(([, , text = '']) => text.replace(/^\n/, ''))
    ].map(decoded);
}

/** A line of text, which a browser sends as it was typed. */
const isLine = (text: string): boolean =>
    /^[^\p{Cc}\p{Cf}\p{Cs}]{1,200}$/u.test(text) && text === text.trim();

async function expectSoundAnswer(answer: Response, typed: { name: string; value: unknown }): Promise<void> {
    const page = await answer.text();
    expect(answer.status, page.slice(0, 400)).toBeLessThan(500);
    if (answer.status < 400 || !answer.headers.get('content-type')?.includes('text/html')) return;
    const { name, value } = typed;
    const fields = shownIn(page, name);
    if (fields.length > 0 && typeof value === 'string' && isLine(value)) expect(fields).toContain(value);
}

describe('[APP-4] whatever is typed', () => {
    let world: World;
    let owner: Visitor;
    beforeAll(async () => {
        world = await aWorld(app);
        owner = aVisitor(app);
        for (const [name, value] of world.cookies.owner) owner.cookies.set(name, value);
    });
    afterAll(() => world.end());

    const taking = doors().filter(
        ({ what, example }) => what !== 'load' && what !== 'GET' && !example.endsSession && !example.last
    );

    /** Which of the page's forms is sent: what the page itself puts into it, beside what is typed. */
    async function idOfForm(path: string): Promise<Record<string, string>> {
        const { pathname, search } = new URL(path, app);
        const page = await (await owner.get(pathname)).text();
        const forms = page.split('<form').slice(1);
        const isIt = (form: string): boolean =>
            search.startsWith('?/') ? form.includes(`action="${search}"`) : !/^[^>]*action=/.test(form);
        const id = / name="__superform_id" value="([^"]*)"/.exec(forms.find(isIt) ?? '')?.[1];
        return id === undefined ? {} : { __superform_id: id };
    }

    const send = async ({ path, fields, json }: Request, name: string, value: unknown): Promise<Response> => {
        const account_id = world.business.accountId;
        if (json) return owner.json(path, { account_id, ...json, [name]: value });
        const typed = { account_id, ...fields, [name]: String(value) };
        return owner.post(path, { ...(await idOfForm(path)), ...typed });
    };

    it.each(taking)('at $title is taken, or refused and changes nothing', async ({ example }) => {
        const field = fc.nat();
        await fc.assert(
            fc.asyncProperty(field, madeUp, madeUpJson, async (which, text, anything) => {
                await world.freshen();
                const request = await example.request(world.business);
                const names = Object.keys(request.json ?? request.fields ?? {});
                const name = names[which % Math.max(names.length, 1)] ?? 'account_id';
                const value = request.json ? anything : text;
                const changes = async (): Promise<string[]> => {
                    const before = await world.tables();
                    const answer = await send(request, name, value);
                    await expectSoundAnswer(answer.clone(), { name, value });
                    if (answer.status < 400) return [];
                    const after = await world.tables();
                    return [...after]
                        .filter(([table, rows]) => before.get(table) !== rows)
                        .map(([table]) => table);
                };
                // What a job of the minute changed meanwhile it doesn't change when the same is sent again.
                if ((await changes()).length > 0) expect(await changes()).toEqual([]);
            }),
            { numRuns: RUNS, seed: 4, endOnFailure: true }
        );
    });

    it.each([
        ['/sign-in', 'email', {}],
        ['/sign-in', 'next', { email: 'sam@example.test' }],
        ['/sign-in/password', 'email', { password: 'a wrong guess' }],
        ['/sign-in/password', 'password', { email: 'sam@example.test' }],
        ['/sign-in/sso', 'email', {}],
        ['/sign-in/code', 'code', {}],
        ['/sign-up', 'email', { password: 'a long enough password' }],
        ['/sign-up', 'password', { email: 'sam@example.test' }],
        ['/reset', 'email', {}],
        ['/reset/password', 'password', {}],
        ['/auth/not-me', 'token', {}],
        ['/auth/confirm', 'token_hash', { type: 'email' }],
        ['/join', 'name', {}]
    ])('by a stranger at %s as %s is taken or refused', async (path, name, others) => {
        await fc.assert(
            fc.asyncProperty(madeUp, async (value) => {
                const answer = await aVisitor(app).post(path, { ...others, [name]: value });
                await expectSoundAnswer(answer, { name, value });
            }),
            { numRuns: RUNS, seed: 4, endOnFailure: true }
        );
    });
});
