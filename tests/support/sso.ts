// A business with a proven domain and its own identity provider, and the way of its people through that.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { type Business } from './business.ts';
import { aProvenDomain } from './dns.ts';
import { stack } from './stack.ts';
import type { Visitor } from './visitor.ts';

/** The id of one of the roles that every business has. */
export async function roleOf(of: Business, key: string): Promise<string> {
    const { data, error } = await of.owner.db
        .from('roles')
        .select('id')
        .eq('account_id', of.accountId)
        .eq('key', key)
        .single<{ id: string }>();
    if (error) throw error;
    return data.id;
}

/** What an owner types; the stand-in for identity providers knows us by it. */
export async function typed(
    of: Business,
    other: Record<string, string> = {}
): Promise<Record<string, string>> {
    const { url, clientId, clientSecret } = stack().sso;
    return {
        name: 'Bell Lane login',
        issuer: url,
        client_id: clientId,
        client_secret: clientSecret,
        role_id: await roleOf(of, 'staff'),
        ...other
    };
}

/** Asks the edge function as the owner; its answer, or the code of the refusal. */
export async function askSso(of: Business, body: Record<string, string>): Promise<unknown> {
    const { data, error } = await of.owner.db.functions.invoke<unknown>('sso', {
        body: { account_id: of.accountId, ...body }
    });
    if (!error) return data;
    return ((await (error.context as Response).json()) as { code: string }).code;
}

/** Proves a domain and switches single sign-on on; the domain. */
export async function withSso(of: Business, other: Record<string, string> = {}): Promise<string> {
    const domain = `firm-${randomUUID().slice(0, 8)}.example`;
    await aProvenDomain(of, domain);
    expect(await askSso(of, { action: 'set_up', ...(await typed(of, other)) })).toMatchObject({
        identifier: expect.stringMatching(/^custom:tf-/)
    });
    return domain;
}

/** Begins at the sign-in page of a domain; the provider's page, and what its forms carry. */
export async function atWork(
    visitor: Visitor,
    domain: string,
    next = ''
): Promise<{ page: string; request: string }> {
    const begun = await visitor.get(`/auth/start?${new URLSearchParams({ sso: domain, next })}`);
    expect(begun.status).toBe(302);
    const onward = await fetch(begun.headers.get('location') ?? '', { redirect: 'manual' });
    const page = onward.headers.get('location') ?? '';
    expect(new URL(page).origin).toBe(stack().sso.url);
    const [, request = ''] = /name="request" value="([^"]+)"/.exec(await (await fetch(page)).text()) ?? [];
    return { page, request };
}
