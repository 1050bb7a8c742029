// An authenticator app set up through the pages that people use.
import { codeShown } from './authenticator-app.ts';
import type { Visitor } from './visitor.ts';

export type App = { factorId: string; secret: string };

/** What a hidden field of a page holds. */
export const hidden = (page: string, name: string): string =>
    new RegExp(`name="${name}"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*name="${name}"`)
        .exec(page)
        ?.slice(1)
        .find(Boolean) ?? '';

/** Has the page show a new app's key. */
export async function aKey(visitor: Visitor, next: string, name = 'My phone'): Promise<App> {
    const begun = await visitor.post('/auth/factor/new?/begin', { name, next, __superform_id: 'begin' });
    const page = await begun.text();
    if (begun.status !== 200) throw new Error(`setting up answered ${begun.status}: ${page}`);
    return { factorId: hidden(page, 'factor_id'), secret: hidden(page, 'secret') };
}

/** Types a code for the app that is being set up. */
export const finish = (visitor: Visitor, app: App, code: string, next: string): Promise<Response> =>
    visitor.post('/auth/factor/new?/finish', {
        factor_id: app.factorId,
        secret: app.secret,
        code,
        next,
        __superform_id: 'finish'
    });

/** Sets an app up; `last` is what the page answered to its first code. */
export async function anApp(visitor: Visitor, next: string): Promise<App & { last: Response }> {
    const app = await aKey(visitor, next);
    return { ...app, last: await finish(visitor, app, codeShown(app.secret), next) };
}
