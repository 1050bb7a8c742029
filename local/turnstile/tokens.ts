/**
 * Tokens and what siteverify says about them: each is good once, for five minutes, under the secret of its own widget. Whoever
 * asks again with the idempotency key that they asked with first is told the same once more.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DUMMY_SECRETS, DUMMY_TOKEN, type OwnWidget } from './keys.ts';

const LIFE_MS = 300_000;
const LONGEST = 2048;

/** What a page's widget was shown for. */
export type Solved = { hostname: string; action: string; cdata: string };

type Token = Solved & { at: Date; redeemedBy: string | null };

/** "Accepted parameters" of siteverify. */
const Question = z.object({
    secret: z.string().optional(),
    response: z.string().optional(),
    remoteip: z.string().optional(),
    idempotency_key: z.uuid().optional()
});

type ErrorCode =
    | 'missing-input-secret'
    | 'invalid-input-secret'
    | 'missing-input-response'
    | 'invalid-input-response'
    | 'bad-request'
    | 'timeout-or-duplicate';

/** What siteverify answers. */
export type Answer =
    | { success: false; 'error-codes': ErrorCode[] }
    | {
          success: true;
          'error-codes': [];
          challenge_ts: string;
          hostname: string;
          action: string;
          cdata: string;
      };

const refused = (...codes: ErrorCode[]): Answer => ({ success: false, 'error-codes': codes });
const passed = (at: Date, { hostname, action, cdata }: Solved): Answer => ({
    success: true,
    'error-codes': [],
    challenge_ts: at.toISOString(),
    hostname,
    action,
    cdata
});

/** The tokens of one widget. */
export function createTokens(own: OwnWidget, clock: Clock) {
    const tokens = new Map<string, Token>();

    const forgetOld = (): void => {
        for (const [name, { at }] of tokens) {
            if (clock.now().getTime() - at.getTime() > 2 * LIFE_MS) tokens.delete(name);
        }
    };

    return {
        /** The token of a challenge that was just solved on the app's own widget. */
        issue(solved: Solved): string {
            forgetOld();
            const token = `0.${randomBytes(48).toString('base64url')}`;
            tokens.set(token, { ...solved, at: clock.now(), redeemedBy: null });
            return token;
        },
        /** What is said about a token. */
        verify(asked: unknown): Answer {
            const question = Question.safeParse(asked);
            if (!question.success) return refused('bad-request');
            const { secret = '', response = '', idempotency_key: key = null } = question.data;
            const missing: ErrorCode[] = [];
            if (secret === '') missing.push('missing-input-secret');
            if (response === '') missing.push('missing-input-response');
            if (secret !== '' && secret !== own.secretKey && !DUMMY_SECRETS.has(secret))
                return refused('invalid-input-secret', ...missing);
            if (missing.length > 0) return refused(...missing);
            const dummy = DUMMY_SECRETS.get(secret);
            if (dummy !== undefined) return verifyDummy(dummy, response, clock.now());
            const token = response.length > LONGEST ? undefined : tokens.get(response);
            if (!token) return refused('invalid-input-response');
            if (clock.now().getTime() - token.at.getTime() > LIFE_MS) return refused('timeout-or-duplicate');
            const isAgain = token.redeemedBy !== null && token.redeemedBy === key;
            if (token.redeemedBy !== null && !isAgain) return refused('timeout-or-duplicate');
            token.redeemedBy = key ?? '';
            return passed(token.at, token);
        }
    };
}

function verifyDummy(manner: 'passes' | 'fails' | 'spent', response: string, now: Date): Answer {
    if (manner === 'spent') return refused('timeout-or-duplicate');
    if (manner === 'fails' || response !== DUMMY_TOKEN) return refused('invalid-input-response');
    return passed(now, { hostname: 'localhost', action: 'test', cdata: 'test-data' });
}
