import { describe, expect, it } from 'vitest';
import { textsOf, txtQuestion } from './dns.ts';

const answer = (...data: string[]) => ({
    Status: 0,
    Answer: data.map((text) => ({ name: 'x.example', type: 16, TTL: 60, data: text }))
});

describe('a resolver’s answer', () => {
    it.each([
        ['a text in quotes', answer('"v=spf1 -all"'), ['v=spf1 -all']],
        ['a text without them', answer('v=spf1 -all'), ['v=spf1 -all']],
        [
            'a text in several strings',
            answer('"tradersflow-" "verification=" "abc"'),
            ['tradersflow-verification=abc']
        ],
        ['strings without a space between', answer('"one""two"'), ['onetwo']],
        ['a quote and a backslash inside', answer(String.raw`"a\"b\\c"`), [String.raw`a"b\c`]],
        ['several records', answer('"one"', '"two"'), ['one', 'two']],
        ['an empty text', answer('""'), ['']],
        ['no records', { Status: 0 }, []],
        ['no such name', { Status: 3 }, []],
        [
            'what the name stands for, and its text',
            {
                Status: 0,
                Answer: [
                    { type: 5, data: 'other.example.' },
                    { type: 16, data: '"one"' }
                ]
            },
            ['one']
        ]
    ])('is read: %s', (_, body, texts) => {
        expect(textsOf(body)).toEqual(texts);
    });

    it.each([
        ['the server failed', { Status: 2 }],
        ['it refuses', { Status: 5, Answer: [{ type: 16, data: '"one"' }] }],
        ['it is none', 'Not found'],
        ['it is null', null],
        ['its records are of another form', { Status: 0, Answer: [{ type: 16, data: 1 }] }]
    ])('tells nothing when %s', (_, body) => {
        expect(textsOf(body)).toBeNull();
    });

    it('is asked for with the name and nothing else of ours', () => {
        expect(txtQuestion('https://dns.example/resolve?key=1', '_tradersflow.example.co.uk').href).toBe(
            'https://dns.example/resolve?key=1&name=_tradersflow.example.co.uk&type=TXT'
        );
    });
});
