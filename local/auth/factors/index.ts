/** Second factors of the signed-in person: enrolled, challenged, proven, removed. */
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import { audit } from '../audit.ts';
import type { Auth, Env, Work } from '../contract.ts';
import { refusal, type ErrorCode } from '../errors.ts';
import { readBody, requireNamedPerson, text, type Bearer } from '../request.ts';
import { tell } from '../notices.ts';
import type { SessionRow } from '../sessions.ts';
import type { Notice } from '../settings.ts';
import { inTransaction, KeepAndRefuse } from '../transactions.ts';
import { lockUser, reloadUser, type FactorRow, type FactorType, type User } from '../users.ts';
import { lowerSessionsOf, raiseSession } from './assurance.ts';
import {
    dropChallenge,
    dropUnverified,
    enrolFactor,
    insertChallenge,
    isExpired,
    markFactorVerified,
    openChallenge,
    ownFactor,
    type ChallengeRow
} from './rows.ts';
import { isTotpCode, newTotp } from './totp.ts';
import { Answer as KeyAnswer, askForKey, demandAnswer, judgeKey, rememberKey } from './webauthn.ts';

const Enrolment = z.object({ factor_type: text, friendly_name: text, issuer: text, phone: text });
const Answer = z.object({ challenge_id: z.uuid(), code: text, webauthn: KeyAnswer.nullish() });

type SignedIn = { user: User; session: SessionRow };
type Visit = SignedIn & { factor: FactorRow };

export function factorRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.post('/factors', async (c) => {
        const person = withSession(await requireNamedPerson(auth, c));
        const body = await readBody(c, Enrolment);
        const type = body.factor_type;
        if (type !== 'totp' && type !== 'phone' && type !== 'webauthn') {
            throw refusal('validation_failed', 'factor_type is one of totp, phone and webauthn');
        }
        if (!auth.settings.mfa[SETTING_OF[type]].enroll_enabled) throw refusal(ENROL_OFF[type]);
        return c.json(await enrol(auth, c, person, type, body));
    });

    routes.post('/factors/:id/challenge', async (c) => {
        const visit = await visitTo(auth, c);
        auth.limits.request('factor_challenge', c.get('caller'));
        demandVerifying(auth, visit.factor);
        return c.json(await inTransaction(auth, c.get('caller'), (work) => challenge(work, visit)));
    });

    routes.post('/factors/:id/verify', async (c) => {
        const visit = await visitTo(auth, c);
        auth.limits.request('factor_verify', c.get('caller'));
        const body = await readBody(c, Answer);
        if (!body.code && visit.factor.factor_type !== 'webauthn') {
            throw refusal('validation_failed', 'Verifying needs a code');
        }
        demandVerifying(auth, visit.factor);
        if (visit.factor.factor_type === 'webauthn') demandAnswer(body.webauthn);
        const token = await inTransaction(auth, c.get('caller'), (work) => verify(work, visit, body));
        if (visit.factor.status === 'unverified') await announce(auth, c, visit, 'mfa_factor_enrolled');
        return c.json(token);
    });

    routes.delete('/factors/:id', async (c) => {
        const visit = await visitTo(auth, c);
        const { user, session, factor } = visit;
        if (factor.status === 'verified' && session.aal !== 'aal2') {
            throw refusal('insufficient_aal', 'Removing a verified factor needs an aal2 session', {
                status: 422
            });
        }
        await inTransaction(auth, c.get('caller'), async (work) => {
            await work.db`delete from auth.mfa_factors where id = ${factor.id}`;
            await audit(work, user, 'factor_unenrolled', {
                factor_id: factor.id,
                factor_status: factor.status,
                session_id: session.id
            });
            await lowerSessionsOf(work.db, factor);
        });
        await announce(auth, c, visit, 'mfa_factor_unenrolled');
        return c.json({ id: factor.id });
    });

    return routes;
}

const SETTING_OF = { totp: 'totp', phone: 'phone', webauthn: 'web_authn' } as const satisfies Record<
    FactorType,
    string
>;
const ENROL_OFF: Record<FactorType, ErrorCode> = {
    totp: 'mfa_totp_enroll_not_enabled',
    phone: 'mfa_phone_enroll_not_enabled',
    webauthn: 'mfa_webauthn_enroll_not_enabled'
};
const VERIFY_OFF: Record<FactorType, ErrorCode> = {
    totp: 'mfa_totp_verify_not_enabled',
    phone: 'mfa_phone_verify_not_enabled',
    webauthn: 'mfa_webauthn_verify_not_enabled'
};

function withSession({ user, session }: Bearer): SignedIn {
    if (!session) throw refusal('unexpected_failure', 'A factor belongs to somebody with a session');
    return { user, session };
}

async function visitTo(auth: Auth, c: Context<Env>): Promise<Visit> {
    const person = withSession(await requireNamedPerson(auth, c));
    return { ...person, factor: ownFactor(person.user, c.req.param('id') ?? '') };
}

/** Sent when all is done, so that a mail that fails takes nothing back. */
async function announce(auth: Auth, c: Context<Env>, { user, factor }: Visit, notice: Notice): Promise<void> {
    await inTransaction(auth, c.get('caller'), async (work) => {
        const fresh = await reloadUser(work.db, user);
        await tell(work, fresh, notice, { factor_type: factor.factor_type });
    });
}

function demandVerifying(auth: Auth, { factor_type: type }: FactorRow): void {
    if (!auth.settings.mfa[SETTING_OF[type]].verify_enabled) throw refusal(VERIFY_OFF[type]);
}

async function enrol(
    auth: Auth,
    c: Context<Env>,
    { user, session }: SignedIn,
    type: FactorType,
    body: z.output<typeof Enrolment>
): Promise<Record<string, unknown>> {
    const issuer = body.issuer || new URL(auth.settings.site_url).host;
    const totp = type === 'totp' ? newTotp(issuer, user.email ?? '') : null;
    const factor = await inTransaction(auth, c.get('caller'), async (work) => {
        const made = await enrolFactor(work, user, session, {
            factor_type: type,
            friendly_name: body.friendly_name,
            secret: totp?.secret ?? null
        });
        await audit(work, user, 'factor_in_progress', { factor_id: made.id, factor_type: type });
        return made;
    });
    return {
        id: factor.id,
        type: factor.factor_type,
        friendly_name: factor.friendly_name,
        ...(totp ? { totp: { qr_code: totp.qrCode, secret: totp.secret, uri: totp.uri } } : {})
    };
}

async function challenge(work: Work, { user, factor }: Visit): Promise<Record<string, unknown>> {
    const asked = factor.factor_type === 'webauthn' ? askForKey(work, user, factor) : null;
    const { id, expiresAt } = await insertChallenge(work, factor, asked?.session);
    await audit(work, user, 'challenge_created', { factor_id: factor.id, factor_status: factor.status });
    return {
        id,
        type: factor.factor_type,
        expires_at: expiresAt,
        ...(asked ? { webauthn: asked.data } : {})
    };
}

async function verify(
    work: Work,
    { user, session, factor }: Visit,
    body: z.output<typeof Answer>
): Promise<Record<string, unknown> | KeepAndRefuse> {
    const { db, now } = work;
    // Held first, so that two sessions that are raised at once end each other's in turn, not in a deadlock.
    await lockUser(db, user.id);
    const open = await openChallenge(work, factor, body.challenge_id);
    if (isExpired(open, now)) {
        await dropChallenge(db, open);
        return new KeepAndRefuse(refusal('mfa_challenge_expired'));
    }
    await demandProof(work, { user, session, factor }, open, body);
    await audit(work, user, 'verification_attempted', {
        factor_id: factor.id,
        challenge_id: open.id,
        factor_type: factor.factor_type
    });
    await markFactorVerified(work, factor);
    const token = await raiseSession(work, user, session, factor);
    await dropUnverified(db, user, factor.factor_type);
    return token;
}

/** An answered code leaves its challenge answered; a security key's answer takes it away. */
async function demandProof(
    work: Work,
    { user, factor }: Visit,
    open: ChallengeRow,
    body: z.output<typeof Answer>
): Promise<void> {
    const { db, now } = work;
    if (factor.factor_type === 'webauthn') {
        const judged = await judgeKey(work, user, open, demandAnswer(body.webauthn));
        await dropChallenge(db, open);
        await rememberKey(work, factor, open, judged);
        return;
    }
    if (!isTotpCode(factor.secret ?? '', body.code, now)) throw refusal('mfa_verification_failed');
    await db`update auth.mfa_challenges set verified_at = ${now} where id = ${open.id}`;
}
