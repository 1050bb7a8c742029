import { expect, it } from 'vitest';
import { groupPermissions, roleInWords } from './permissions.ts';

const ALL = [
    { key: 'jobs.read', area: 'jobs', sentence: 'See jobs' },
    { key: 'jobs.write', area: 'jobs', sentence: 'Add and change jobs' },
    { key: 'invoices.read', area: 'invoices', sentence: 'See invoices' },
    { key: 'account.read', area: 'account', sentence: 'See the business’s details' },
    { key: 'moon.walk', area: 'moon', sentence: 'Walk on the moon' }
];

it('[ACC-3] every permission stands in one group, also one that nobody has sorted yet', () => {
    const grouped = groupPermissions(ALL).flatMap(({ permissions }) => permissions.map(({ key }) => key));
    expect(grouped.toSorted()).toEqual(ALL.map(({ key }) => key).toSorted());
});

it('[ACC-3] what is done comes after what is seen, in the order of the work', () => {
    const verbs = ['issue', 'read', 'send', 'void', 'write'];
    const all = verbs.map((verb) => ({ key: `invoices.${verb}`, area: 'invoices', sentence: verb }));
    const ordered = groupPermissions(all).flatMap(({ permissions }) =>
        permissions.map(({ sentence }) => sentence)
    );
    expect(ordered).toEqual(['read', 'write', 'issue', 'send', 'void']);
    expect(
        roleInWords(
            all.map(({ key }) => key),
            all
        ).does
    ).toEqual(['write', 'issue', 'send', 'void']);
});

it('[ACC-3] a role is told by what it sees, does and never sees, and the screens that open', () => {
    expect(roleInWords(['account.read', 'jobs.read', 'jobs.write'], ALL)).toEqual({
        screens: ['Today', 'Jobs', 'More'],
        sees: ['See jobs', 'See the business’s details'],
        does: ['Add and change jobs'],
        neverSees: ['See invoices']
    });
});

it('[ACC-3] a role without permissions opens nothing', () => {
    expect(roleInWords([], ALL)).toMatchObject({ screens: [], sees: [], does: [] });
});
