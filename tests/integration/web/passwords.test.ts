// Which passwords are taken: at the page where one is chosen, and at the gate, the last door that sees one.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { aBusiness, aPerson } from '../../support/business.ts';
import { codeFor } from '../../support/inbox.ts';
import { stack } from '../../support/stack.ts';
import { sessionIn } from '../../support/tokens.ts';
import { aVisitor, signedIn } from '../../support/visitor.ts';
import { contextHeader, knock } from '../functions/edge.ts';

const app = process.env.TF_APP_URL ?? '';
const good = () => `${randomBytes(4).toString('hex')} wet ladders sing`;

const weak = [
    ['short', 'zq7 kettle van', 'Use at least 15 characters.'],
    ['longer than bcrypt reads', 'é'.repeat(40), 'Use at most 72 characters'],
    ['common, twice', 'Sunshine-sunshine-1', 'one of the passwords that are tried first'],
    ['known from a break-in', 'correct horse battery staple', 'known from a break-in at another service']
] as const;

describe('[AUTH-3] choosing a password', () => {
    it.each(weak)(
        'refuses one that is %s, beside the field and without sending it back',
        async (_, password, says) => {
            const visitor = await signedIn(await aPerson(), app);
            const answer = await visitor.post('/reset/password', { password, next: '/more/security' });
            expect([400, 422]).toContain(answer.status);
            const page = await answer.text();
            const [, beside = ''] = /<p class="error[^"]*" id="password-note">(.*?)<\/p>/s.exec(page) ?? [];
            expect(beside).toContain(says);
            expect(page).not.toContain(password);
            expect(page).toContain('name="next" value="/more/security"');
        }
    );

    it('refuses the person’s own name, business and address', async () => {
        const { owner, accountId } = await aBusiness();
        const { data } = await owner.db.from('accounts').select('name').eq('id', accountId).single();
        const visitor = await signedIn(owner, app);
        const names = [owner.email, `${(data as { name: string }).name} 2026`, 'TradersFlow Traders Flow 1!'];
        for (const password of names.map((name) => name.padEnd(15, '.'))) {
            const answer = await visitor.post('/reset/password', { password });
            expect(answer.status, password).toBe(422);
            expect(await answer.text(), password).toContain('your name, your business or your address');
        }
    });

    it('takes any other, with every sign that there is, as it was typed on any keyboard', async () => {
        const person = await aPerson();
        const visitor = await signedIn(person, app);
        const typed = `${randomBytes(3).toString('hex')} cafe\u0301 🔧 ﬁne`;
        const saved = await visitor.post('/reset/password', { password: typed });
        expect(saved.headers.get('location')).toBe('/today');
        await signedIn({ email: person.email, password: typed.normalize('NFC') }, app);
        await signedIn({ email: person.email, password: typed }, app);
    });

    it('says so when it is the one there is', async () => {
        const person = await aPerson();
        const visitor = await signedIn(person, app);
        const answer = await visitor.post('/reset/password', { password: person.password });
        expect(answer.status).toBe(422);
        expect(await answer.text()).toContain('That is your password already.');
    });
});

describe('[AUTH-3] the gate', () => {
    const change = async (body: Record<string, unknown>) => {
        const { accessToken } = await aPerson();
        return await knock('auth-gate/auth/v1/user', {
            method: 'PUT',
            headers: {
                authorization: `Bearer ${accessToken}`,
                'x-tf-context': contextHeader({ sid: sessionIn(accessToken) })
            },
            body
        });
    };

    it.each([
        ['zq7 kettle van', 'too_short'],
        ['sunshinesunshine', 'common'],
        ['correct horse battery staple', 'pwned']
    ])('refuses %s, in the auth server’s own form', async (password, reason) => {
        const answer = await change({ password });
        expect(answer.status).toBe(422);
        expect(answer.headers.get('x-sb-error-code')).toBe('weak_password');
        expect(await answer.json()).toMatchObject({
            code: 'weak_password',
            weak_password: { reasons: [reason] }
        });
    });

    it('refuses the names that come with it', async () => {
        const data = { full_name: 'Kimberley Oseibonsu' };
        const answer = await change({ password: 'kimberley.oseibonsu1', data });
        expect(await answer.json()).toMatchObject({ weak_password: { reasons: ['own_words'] } });
    });

    it.each(['PASSWORD', 'Password', 'pa\u017f\u017fword'])(
        'takes no name for the password that it does not see, as the auth server would: %s',
        async (name) => {
            const person = await aPerson();
            const answer = await knock('auth-gate/auth/v1/user', {
                method: 'PUT',
                headers: {
                    authorization: `Bearer ${person.accessToken}`,
                    'x-tf-context': contextHeader({ sid: sessionIn(person.accessToken) })
                },
                body: { [name]: 'sunshinesunshine' }
            });
            expect(answer.status).toBe(400);
            expect(await answer.json()).toMatchObject({ code: 'request_not_understood' });
            await signedIn(person, app);
        }
    );
});

describe('[AUTH-3] while the list of known passwords can’t be asked', () => {
    it('a password is chosen all the same, and a common one is still refused', async () => {
        const person = await aPerson();
        const visitor = await signedIn(person, app);
        await fetch(`${stack().passwordsUrl}/api/failure`, {
            method: 'POST',
            body: JSON.stringify({ status: 503, times: 1 })
        });
        const common = await visitor.post('/reset/password', { password: 'sunshinesunshine' });
        expect(common.status).toBe(422);
        const password = good();
        expect((await visitor.post('/reset/password', { password })).status).toBe(303);
        await signedIn({ email: person.email, password }, app);
    });
});

describe('[AUTH-3] a forgotten password', () => {
    it('is replaced by one that passes the same rules', async () => {
        const person = await aPerson();
        const visitor = aVisitor(app);
        await visitor.post('/reset', { email: person.email });
        await visitor.post('/sign-in/code?/enter', { code: await codeFor(person.email) });
        const refused = await visitor.post('/reset/password', { password: 'passwordpassword' });
        expect(refused.status).toBe(422);
        expect((await visitor.post('/reset/password', { password: good() })).status).toBe(303);
    });
});
