// Changing one's own account where the project asks for more than ours does: the current password, a notice of each change.
import type { SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { codeShown } from '../support/authenticator-app.ts';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { startAuthServers, type AuthServers } from './auth-servers.ts';
import { startMailHook, type MailHook } from './mail-hook.ts';
import { anAddress, aPassword, refusalOf } from './visitors.ts';

let hook: MailHook;
let stack: OwnStack;
let servers: AuthServers;

beforeAll(async () => {
    hook = await startMailHook();
    stack = await startOwnStack({
        migrate: false,
        given: { SEND_EMAIL_HOOK_URI: hook.uri, SEND_EMAIL_HOOK_SECRETS: hook.secrets }
    });
    servers = startAuthServers(stack.info, hook);
});

afterAll(async () => {
    await servers.close();
    await stack.stopAndForget();
    await hook.hangUp();
});

beforeEach(() => servers.clock.standStill());

type Visitor = { client: SupabaseClient; email: string; password: string };

/** Somebody who has just signed up, on a server that confirms at once unless told otherwise. */
async function aVisitorAt(settings: Record<string, unknown>): Promise<Visitor> {
    const client = await servers.visitorOf(settings);
    const [email, password] = [anAddress(), aPassword()];
    const { error } = await client.auth.signUp({ email, password });
    if (error) throw error;
    return { client, email, password };
}

describe('a new password', () => {
    const STRICT = { email: { require_current_password: true } };

    it('needs the current one where the project wants it, and only the right one will do', async () => {
        const { client, password } = await aVisitorAt(STRICT);
        const change = async (current?: string) => {
            const attributes = { password: aPassword(), ...(current ? { current_password: current } : {}) };
            return refusalOf((await client.auth.updateUser(attributes)).error);
        };
        expect(await change()).toEqual({ status: 400, code: 'current_password_required' });
        expect(await change(`${password}x`)).toEqual({ status: 400, code: 'current_password_invalid' });
        expect(await change(password)).toBeNull();
        const again = await client.auth.updateUser({ password: aPassword(), current_password: password });
        expect(refusalOf(again.error)).toEqual({ status: 400, code: 'current_password_invalid' });
    });

    it('needs none of somebody who came by the mailbox, as who has forgotten theirs does', async () => {
        const { client, email } = await aVisitorAt(STRICT);
        await client.auth.resetPasswordForEmail(email);
        const { token } = hook.mailTo(email).email_data;
        const proven = await client.auth.verifyOtp({ email, token, type: 'recovery' });
        expect(proven.error).toBeNull();
        expect((await client.auth.updateUser({ password: aPassword() })).error).toBeNull();
    });

    it('is not the empty one', async () => {
        const { client } = await aVisitorAt({});
        const { error } = await client.auth.updateUser({ password: '' });
        expect(refusalOf(error)).toEqual({ status: 422, code: 'weak_password' });
    });
});

describe('a nonce', () => {
    const SECURE = { email: { secure_password_change: true }, jwt_expiry: 604_800 };

    it('is good for one new password, of its own person, for as long as a code is', async () => {
        const [mine, theirs] = [await aVisitorAt(SECURE), await aVisitorAt(SECURE)];
        servers.clock.advance(25 * 3600);
        await mine.client.auth.reauthenticate();
        const nonce = hook.mailTo(mine.email).email_data.token;
        const change = async ({ client }: Visitor) =>
            refusalOf((await client.auth.updateUser({ password: aPassword(), nonce })).error);
        const invalid = { status: 422, code: 'reauthentication_not_valid' };
        expect(await change(theirs)).toEqual(invalid);
        expect(await change(mine)).toBeNull();
        expect(await change(mine)).toEqual(invalid);
        await mine.client.auth.reauthenticate();
        servers.clock.advance(3601);
        const late = hook.mailTo(mine.email).email_data.token;
        const { error } = await mine.client.auth.updateUser({ password: aPassword(), nonce: late });
        expect(refusalOf(error)).toEqual(invalid);
    });
});

describe('a new address', () => {
    const BOTH = { email: { enable_confirmations: true } };

    /** Signs up and confirms, on a server that mails a code for it. */
    async function aConfirmedVisitor(settings: Record<string, unknown>): Promise<Visitor> {
        const visitor = await aVisitorAt(settings);
        const { token } = hook.mailTo(visitor.email).email_data;
        await visitor.client.auth.verifyOtp({ email: visitor.email, token, type: 'signup' });
        return visitor;
    }

    it('asked for anew voids the codes of the first wish, half confirmed or not', async () => {
        const { client, email } = await aConfirmedVisitor(BOTH);
        const [first, second] = [anAddress(), anAddress()];
        await client.auth.updateUser({ email: first });
        const old = hook.mailTo(email).email_data;
        const verify = (address: string, token: string) =>
            client.auth.verifyOtp({ email: address, token, type: 'email_change' });
        expect((await verify(email, old.token)).error).toBeNull();
        servers.clock.advance(2);
        await client.auth.updateUser({ email: second });
        const fresh = hook.mailTo(email).email_data;
        expect(refusalOf((await verify(first, old.token_new)).error)?.code).toBe('otp_expired');
        expect((await verify(second, fresh.token_new)).data.session).toBeNull();
        expect((await verify(email, fresh.token)).data.user?.email).toBe(second);
    });

    it('is not gone to when the password changes in between', async () => {
        const { client, email } = await aConfirmedVisitor(BOTH);
        const wanted = anAddress();
        await client.auth.updateUser({ email: wanted });
        const { token, token_new: tokenNew } = hook.mailTo(email).email_data;
        expect((await client.auth.updateUser({ password: aPassword() })).error).toBeNull();
        for (const [address, code] of [[email, token] as const, [wanted, tokenNew] as const]) {
            const { error } = await client.auth.verifyOtp({
                email: address,
                token: code,
                type: 'email_change'
            });
            expect(refusalOf(error)?.code).toBe('otp_expired');
        }
    });

    it('that somebody else took meanwhile is not given away twice', async () => {
        const { client, email } = await aConfirmedVisitor(BOTH);
        const wanted = anAddress();
        await client.auth.updateUser({ email: wanted });
        const { token, token_new: tokenNew } = hook.mailTo(email).email_data;
        const other = await servers.visitorOf({});
        await other.auth.signUp({ email: wanted, password: aPassword() });
        await client.auth.verifyOtp({ email, token, type: 'email_change' });
        const { error } = await client.auth.verifyOtp({
            email: wanted,
            token: tokenNew,
            type: 'email_change'
        });
        expect(error).not.toBeNull();
        expect((await client.auth.getUser()).data.user?.email).toBe(email);
    });
});

describe('a notice', () => {
    const on = Object.fromEntries(
        ['password_changed', 'email_changed', 'mfa_factor_enrolled', 'mfa_factor_unenrolled'].map((name) => [
            name,
            { enabled: true }
        ])
    );
    const TOLD = {
        email: { notification: on, double_confirm_changes: false },
        mfa: { totp: { enroll_enabled: true, verify_enabled: true } }
    };
    const change = async ({ client, email }: Visitor) => {
        await client.auth.updateUser({ password: aPassword() });
        const { data: app } = await client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Phone' });
        if (app?.type !== 'totp') throw new Error('no app was enrolled');
        const code = codeShown(app.totp.secret, servers.clock.now());
        await client.auth.mfa.challengeAndVerify({ factorId: app.id, code });
        await client.auth.mfa.challengeAndVerify({ factorId: app.id, code });
        await client.auth.mfa.unenroll({ factorId: app.id });
        const wanted = anAddress();
        await client.auth.updateUser({ email: wanted });
        const { token } = hook.mailTo(email).email_data;
        await client.auth.verifyOtp({ email: wanted, token, type: 'email_change' });
        return wanted;
    };
    const noticesTo = (...addresses: string[]) =>
        hook.mails
            .filter(({ user }) => addresses.includes(user.email))
            .map(({ email_data: data }) => data)
            .filter(({ email_action_type: type }) => type.endsWith('_notification'));

    it('follows each change, once, and says where from and what', async () => {
        const visitor = await aVisitorAt(TOLD);
        const wanted = await change(visitor);
        expect(noticesTo(visitor.email, wanted)).toMatchObject([
            { email_action_type: 'password_changed_notification', token: '', token_hash: '' },
            { email_action_type: 'mfa_factor_enrolled_notification', factor_type: 'totp' },
            { email_action_type: 'mfa_factor_unenrolled_notification', factor_type: 'totp' },
            { email_action_type: 'email_changed_notification', old_email: visitor.email }
        ]);
    });

    it('is not sent unless it is switched on', async () => {
        const visitor = await aVisitorAt({ ...TOLD, email: { double_confirm_changes: false } });
        expect(noticesTo(visitor.email, await change(visitor))).toEqual([]);
    });

    it('that can’t be sent takes nothing back', async () => {
        const visitor = await aVisitorAt(TOLD);
        hook.answerNext({ status: 400 });
        expect((await visitor.client.auth.updateUser({ password: aPassword() })).error).toBeNull();
        expect(noticesTo(visitor.email)).toEqual([]);
    });
});
