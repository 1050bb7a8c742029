import { expect, it } from 'vitest';
import { hasRows, nestedFields } from './rows.ts';

function fields(entries: Record<string, string>): FormData {
    const data = new FormData();
    for (const [name, value] of Object.entries(entries)) data.append(name, value);
    return data;
}

it('rows of a form become a list, in their order, without the empty ones', () => {
    const data = fields({
        notes: 'Mind the dog',
        'lines[0].description': 'Labour',
        'lines[0].quantity': '2.5',
        'lines[1].description': '  ',
        'lines[1].quantity': '',
        'lines[3].description': 'Cable'
    });
    expect(hasRows(data)).toBe(true);
    expect(nestedFields(data)).toEqual({
        notes: 'Mind the dog',
        lines: [{ description: 'Labour', quantity: '2.5' }, { description: 'Cable' }]
    });
});

it('a form without rows, or one that an enhanced page sent, is left as it is', () => {
    expect(hasRows(fields({ name: 'Sam' }))).toBe(false);
    expect(hasRows(fields({ __superform_json: '[]', 'lines[0].kind': 'labour' }))).toBe(false);
});

it('a name that would reach into the prototype makes no list', () => {
    const nested = nestedFields(fields({ '__proto__[0].polluted': 'yes' }));
    expect(Object.getPrototypeOf(nested)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
