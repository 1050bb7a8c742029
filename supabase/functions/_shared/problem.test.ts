import { describe, expect, it } from 'vitest';
import { Problem, problemFromDatabase } from './problem.ts';

const codeOf = (error: { code?: string; hint?: string | null }, status: number) =>
    problemFromDatabase({ message: 'words', ...error }, status).code;

describe('a problem', () => {
    it('is answered as problem+json with its stable code', async () => {
        const answer = new Problem('nothing_to_pay', { detail: 'It was paid on Monday.' }).toResponse();
        expect(answer.status).toBe(409);
        expect(answer.headers.get('content-type')).toBe('application/problem+json');
        expect(await answer.json()).toEqual({
            type: 'urn:tradersflow:problem:nothing_to_pay',
            title: 'There is nothing left to pay',
            status: 409,
            code: 'nothing_to_pay',
            detail: 'It was paid on Monday.'
        });
    });

    it('never tells its cause', async () => {
        const answer = new Problem('internal_error', { cause: new Error('sb_secret_canary') }).toResponse();
        expect(await answer.text()).not.toContain('canary');
    });
});

describe('a refusal by the database', () => {
    it('keeps the code that SQL raised as its hint', () => {
        expect(codeOf({ code: 'P0001', hint: 'link_not_valid' }, 400)).toBe('link_not_valid');
    });

    it('does not take a hint of Postgres for a code', () => {
        expect(codeOf({ code: '42883', hint: 'No function matches.' }, 404)).toBe('internal_error');
        expect(codeOf({ code: '42883', hint: 'toString' }, 404)).toBe('internal_error');
    });

    it('is told by its SQLSTATE', () => {
        expect(codeOf({ code: '42501' }, 403)).toBe('not_allowed');
        expect(codeOf({ code: '22P02' }, 400)).toBe('validation_failed');
        expect(codeOf({ code: '22P05' }, 400)).toBe('validation_failed');
        expect(codeOf({ code: '22021' }, 400)).toBe('validation_failed');
        expect(codeOf({ code: '23514' }, 400)).toBe('validation_failed');
    });

    it('is ours to repair, and Stripe’s to send again, when the database is away', () => {
        expect(codeOf({ code: '57014' }, 500)).toBe('database_unavailable');
        expect(codeOf({ code: '57P01' }, 500)).toBe('database_unavailable');
        expect(codeOf({ code: '' }, 0)).toBe('database_unavailable');
        expect(codeOf({ code: 'PGRST000' }, 503)).toBe('database_unavailable');
    });
});
