/**
 * The Auth double: the published interface of Supabase Auth over the real Postgres, as far as the product needs it.
 * The rest answers 501 with a sentence, never a false success.
 */
import { Hono } from 'hono';
import { adminRoutes } from './admin.ts';
import { createCleanup } from './cleanup.ts';
import { customProviderRoutes } from './custom-providers.ts';
import type { Auth, AuthDeps, Env } from './contract.ts';
import { discoveryRoutes } from './discovery.ts';
import { AuthError, errorResponse, OAuthError, refusal } from './errors.ts';
import { adminFactorRoutes } from './factors/admin.ts';
import { factorRoutes } from './factors/index.ts';
import { recoveryCodeRoutes } from './factors/recovery-codes.ts';
import { createHooks } from './hooks.ts';
import { createLimits } from './limits.ts';
import { logoutRoutes } from './logout.ts';
import { oauthRoutes } from './oauth.ts';
import { otpRoutes } from './otp.ts';
import { adminPasskeyRoutes, passkeyRoutes } from './passkeys/index.ts';
import { createProviders } from './providers.ts';
import { recoverRoutes } from './recover.ts';
import { callerOf } from './request.ts';
import { adminSsoRoutes } from './saml/admin.ts';
import { samlRoutes } from './saml/index.ts';
import { createServiceProvider } from './saml/service-provider.ts';
import { readSettings } from './settings.ts';
import { signupRoutes } from './signup.ts';
import { tokenRoutes } from './token.ts';
import { userRoutes } from './user.ts';
import { verifyRoutes } from './verify.ts';

export type { AuthDeps, Clock, Keys } from './contract.ts';

export type AuthServer = { fetch(request: Request): Response | Promise<Response>; close(): Promise<void> };

/**
 * Builds the server over a database that already carries schema.sql.
 * @throws Error with one sentence when config.toml asks for something it can't do
 */
export async function createAuth(deps: AuthDeps): Promise<AuthServer> {
    const settings = readSettings(deps.config);
    const { samlPrivateKey, ...given } = deps;
    const auth: Auth = {
        ...given,
        settings,
        limits: createLimits(settings, deps.clock),
        hooks: createHooks(settings, deps),
        providers: createProviders(settings, deps),
        saml: samlPrivateKey ? await createServiceProvider(samlPrivateKey, deps.externalUrl) : null
    };
    const cleanup = createCleanup(auth);
    const app = new Hono<Env>();

    app.use(async (c, next) => {
        c.set('caller', callerOf(auth, c.req.raw));
        await next();
        cleanup.afterRequest();
    });
    const parts = [
        discoveryRoutes,
        signupRoutes,
        otpRoutes,
        verifyRoutes,
        tokenRoutes,
        oauthRoutes,
        userRoutes,
        logoutRoutes,
        recoverRoutes,
        recoveryCodeRoutes,
        factorRoutes,
        passkeyRoutes,
        adminRoutes,
        adminFactorRoutes,
        adminPasskeyRoutes,
        customProviderRoutes,
        adminSsoRoutes,
        samlRoutes
    ];
    for (const routes of parts) app.route('/', routes(auth));

    app.notFound((c) => {
        const message = `The embedded Auth server does not do ${c.req.method} ${c.req.path} yet.`;
        return errorResponse(refusal('unexpected_failure', message, { status: 501 }), c.req.raw);
    });
    app.onError((error, c) => {
        if (error instanceof AuthError || error instanceof OAuthError) return errorResponse(error, c.req.raw);
        // Never the request's body: it may carry a password.
        deps.log(`auth: ${c.req.method} ${c.req.path} failed: ${error.message}`);
        return errorResponse(refusal('unexpected_failure'), c.req.raw);
    });

    return { fetch: (request) => app.fetch(request), close: () => cleanup.close() };
}
