import { expect, it } from 'vitest';
import { nextPath } from './next-path.ts';

it.each([
    ['/jobs/7?tab=photos', '/jobs/7?tab=photos'],
    ['/money/../jobs', '/jobs']
])('%s leads to %s', (wanted, path) => {
    expect(nextPath(wanted)).toBe(path);
});

it.each([
    '//evil.example',
    '/\\evil.example',
    'https://evil.example/',
    'javascript:alert(1)',
    '/.//evil.example',
    '/\tevil',
    '/jobs\r\nset-cookie: a=b',
    'jobs',
    '',
    '/',
    '/sign-in',
    '/auth/sign-out',
    null,
    undefined,
    7
])('%j leads nowhere but to Today', (wanted) => {
    expect(nextPath(wanted)).toBe('/today');
});
