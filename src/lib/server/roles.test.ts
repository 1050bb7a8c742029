import { expect, it } from 'vitest';
import { RoleId } from './ids.ts';
import { giveable, type Role } from './roles.ts';

const role = (key: string | null, ...permissions: string[]): Role => ({
    id: RoleId.parse('01900000-0000-7000-8000-000000000000'),
    key,
    demands_factor: false,
    name: key ?? 'Own',
    permissions
});
const ROLES = [role('owner', 'a', 'b'), role('admin', 'a'), role('agent'), role(null, 'b')];
const keys = (by: { role: { key: string | null }; permissions: string[] }) =>
    giveable(ROLES, by).map(({ key }) => key);

it('[ACC-3] an owner may give every role that opens something', () => {
    expect(keys({ role: { key: 'owner' }, permissions: ['a', 'b'] })).toEqual(['owner', 'admin', null]);
});

it('[ACC-3] anybody else gives no more than they may do, and never an owner’s', () => {
    expect(keys({ role: { key: null }, permissions: ['a', 'b'] })).toEqual(['admin', null]);
    expect(keys({ role: { key: 'admin' }, permissions: ['a'] })).toEqual(['admin']);
});
