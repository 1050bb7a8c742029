// The way through the stand-ins for Google and Microsoft, as a browser takes it.
import { expect } from 'vitest';
import { stack } from './stack.ts';
import type { Visitor } from './visitor.ts';

export type Answered = 'google' | 'azure';

/** Follows the browser's way to the provider's page. */
export async function atProvider(
    visitor: Visitor,
    provider: Answered = 'google',
    next = ''
): Promise<{ page: string; request: string }> {
    const begun = await visitor.get(`/auth/start?${new URLSearchParams({ provider, next })}`);
    expect(begun.status).toBe(302);
    const onward = await fetch(begun.headers.get('location') ?? '', { redirect: 'manual' });
    const page = onward.headers.get('location') ?? '';
    expect(new URL(page).origin).toBe(provider === 'google' ? stack().googleUrl : stack().azureUrl);
    const text = await (await fetch(page)).text();
    const [, request = ''] = /name="request" value="([^"]+)"/.exec(text) ?? [];
    return { page, request };
}

/** Answers at the provider and goes back as far as the app's own address. */
export async function answerAtProvider(page: string, fields: Record<string, string>): Promise<string> {
    const app = process.env.TF_APP_URL ?? '';
    const body = new URLSearchParams(fields);
    let response = await fetch(new URL('/authorize', page), { method: 'POST', body, redirect: 'manual' });
    let location = response.headers.get('location') ?? '';
    while (!location.startsWith(app)) {
        response = await fetch(location, { redirect: 'manual' });
        location = response.headers.get('location') ?? `${app}/no-way-back`;
    }
    const back = new URL(location);
    return `${back.pathname}${back.search}`;
}
