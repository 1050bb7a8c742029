import { error, redirect } from '@sveltejs/kit';
import { describe, expect, it } from 'vitest';
import {
    asProblem,
    problem,
    problemFromAuth,
    problemFromData,
    problemFromFunction,
    problemResponse,
    sentenceOf
} from './errors.ts';

describe('a failure of the database', () => {
    it('is named by its hint', () => {
        const failure = problemFromData({ code: 'P0001', hint: 'invoice_already_issued', message: 'x' }, 400);
        expect(failure).toMatchObject({ code: 'invoice_already_issued', status: 409 });
    });

    it('brings its sentence and field along when it is about what was typed', () => {
        const failure = problemFromData(
            { code: 'P0001', hint: 'validation_failed', message: 'Give the job a title.', details: 'title' },
            400
        );
        expect(failure.fields).toEqual({ title: 'Give the job a title.' });
        expect(failure.message).toBe('Give the job a title.');
    });

    it('without a hint goes by its SQLSTATE and never shows what Postgres said', () => {
        const failure = problemFromData(
            { code: '23505', hint: null, message: 'duplicate key value violates unique constraint "canary"' },
            409
        );
        expect(failure.code).toBe('already_there');
        expect(failure.message).not.toContain('canary');
        expect(problemFromData({ code: '57014', message: '' }, 500).code).toBe('took_too_long');
        expect(problemFromData({ code: 'PGRST116' }, 406).code).toBe('not_found');
        for (const code of ['22021', '22P05'])
            expect(problemFromData({ code }, 400)).toMatchObject({ code: 'character_not_kept', status: 422 });
        expect(problemFromData({ hint: 'session_ended', code: '42501' }, 403).code).toBe('signed_out');
    });

    it('that nobody foresaw stays unexpected', () => {
        expect(problemFromData({ code: 'XX000', message: 'boom' }, 500)).toMatchObject({
            code: 'unexpected',
            status: 500
        });
    });
});

describe('a failure of an edge function', () => {
    it('is named by the code of its problem+json, or by its status', () => {
        expect(problemFromFunction(409, { code: 'nothing_to_pay' }).code).toBe('nothing_to_pay');
        expect(problemFromFunction(429, null, { 'retry-after': '30' })).toMatchObject({
            code: 'too_many_tries',
            retryAfter: 30,
            message: 'Too many tries in a short time. Try again in a minute.'
        });
        expect(problemFromFunction(503, 'down').code).toBe('unavailable');
        expect(problemFromFunction(418, { code: 'teapot' }).code).toBe('unexpected');
    });
});

describe('a failure of the auth server', () => {
    it.each([
        [{ code: 'password_paused', status: 429 }, 'password_paused'],
        [{ code: 'too_many_mails', status: 429 }, 'too_many_mails'],
        [{ code: 'otp_expired', status: 403 }, 'code_wrong'],
        [{ code: 'invalid_credentials', status: 400 }, 'credentials_wrong'],
        [{ code: 'over_request_rate_limit', status: 429 }, 'too_many_tries'],
        [{ status: 429 }, 'too_many_tries'],
        [{ code: 'bad_code_verifier', status: 400 }, 'sign_in_started_elsewhere'],
        [{ name: 'AuthPKCECodeVerifierMissingError' }, 'sign_in_started_elsewhere'],
        [{ name: 'AuthRetryableFetchError', status: 0 }, 'unavailable'],
        [{ code: 'refresh_token_already_used', status: 400 }, 'signed_out'],
        [{ code: 'something_new', status: 400 }, 'sign_in_failed']
    ])('%o is %s', (failure, code) => {
        expect(problemFromAuth(failure).code).toBe(code);
    });

    it.each([
        [1, 'a minute'],
        [60, 'a minute'],
        [61, '2 minutes'],
        [900, '15 minutes']
    ])('that passes in %i s says to try again in %s', (seconds, words) => {
        for (const code of ['too_many_tries', 'password_paused', 'too_many_mails']) {
            const failure = problemFromAuth({ code, status: 429 }, seconds);
            expect(failure.message).toContain(` in ${words}`);
            expect(failure.retryAfter).toBe(seconds);
        }
        expect(problemFromAuth({ code: 'too_many_tries' }).message).toContain('Wait a few minutes');
    });
});

it('redirects and framework errors pass through untouched', () => {
    const thrown = (act: () => never): unknown => {
        try {
            return act();
        } catch (value) {
            return value;
        }
    };
    const away = thrown(() => redirect(303, '/'));
    expect(thrown(() => asProblem(away) as never)).toBe(away);
    const gone = thrown(() => error(404));
    expect(thrown(() => asProblem(gone) as never)).toBe(gone);
});

it('problem+json carries code, sentence, status and request id', async () => {
    const response = problemResponse(problem('too_many_tries', { retryAfter: 60 }), 'r-1');
    expect(response.status).toBe(429);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('retry-after')).toBe('60');
    expect(await response.json()).toEqual({
        type: 'urn:tradersflow:problem:too_many_tries',
        title: sentenceOf('too_many_tries'),
        status: 429,
        code: 'too_many_tries',
        request_id: 'r-1'
    });
});
