import { describe, expect, it } from 'vitest';
import { mailsFor } from './messages.ts';

const input = (type: string, more: Record<string, string> = {}) => ({
    user: { email: 'sam@example.com', new_email: 'sam@new.example' },
    email_data: { token: '123456', token_hash: 'hash', email_action_type: type, ...more }
});

describe('the auth server’s mails', () => {
    it.each([
        ['magiclink', 'sign_in_code'],
        ['signup', 'confirm_sign_up'],
        ['recovery', 'reset_password']
    ])('%s is sent as %s', (type, template) => {
        expect(mailsFor(input(type))).toEqual([
            {
                suffix: '',
                template,
                to: 'sam@example.com',
                data: { code: '123456', token_hash: 'hash', type }
            }
        ]);
    });

    it('gives each address of a double change its own link: the pairs cross over', () => {
        const both = { token_new: '654321', token_hash_new: 'hash-new' };
        const told = { type: 'email_change', old_address: 'sam@example.com', new_address: 'sam@new.example' };
        expect(mailsFor(input('email_change', both))).toEqual([
            {
                suffix: ':current',
                template: 'email_change',
                to: 'sam@example.com',
                data: { ...told, token_hash: 'hash-new' }
            },
            {
                suffix: ':new',
                template: 'email_change',
                to: 'sam@new.example',
                data: { ...told, token_hash: 'hash' }
            }
        ]);
    });

    it('sends a simple change to the new address', () => {
        expect(mailsFor(input('email_change'))).toMatchObject([
            { to: 'sam@new.example', data: { token_hash: 'hash' } }
        ]);
    });

    it.each(['invite', 'reauthentication', 'password_changed_notification', ''])(
        'does not offer “%s”',
        (type) => {
            expect(mailsFor(input(type))).toBeNull();
        }
    );
});
