/**
 * Which mails of ours a call of the auth server's send-email hook asks for. Pure, so that Node can test it.
 * The pairing of tokens in a double change of address is the auth server's own oddity: `token` goes with
 * `token_hash_new` and belongs to the present address, `token_new` with `token_hash` to the new one.
 */
export type HookInput = {
    readonly user: { readonly email: string; readonly new_email?: string | undefined };
    readonly email_data: {
        readonly token: string;
        readonly token_hash: string;
        readonly token_new?: string | undefined;
        readonly token_hash_new?: string | undefined;
        readonly email_action_type: string;
    };
};

export type AuthMail = {
    /** Added to the hook's id, so that two mails of one call have two dedupe keys. */
    readonly suffix: '' | ':current' | ':new';
    readonly template: 'sign_in_code' | 'confirm_sign_up' | 'reset_password' | 'email_change';
    readonly to: string;
    readonly data: { readonly code: string; readonly token_hash: string; readonly type: string };
};

const templates = {
    magiclink: 'sign_in_code',
    signup: 'confirm_sign_up',
    recovery: 'reset_password'
} as const;

/** The mails to send; null for a kind that this project does not use. */
export function mailsFor({ user, email_data }: HookInput): readonly AuthMail[] | null {
    const type = email_data.email_action_type;
    if (type === 'email_change') {
        return emailChange(user, email_data);
    }
    if (type !== 'magiclink' && type !== 'signup' && type !== 'recovery') {
        return null;
    }
    const data = { code: email_data.token, token_hash: email_data.token_hash, type };
    return [{ suffix: '', template: templates[type], to: user.email, data }];
}

function emailChange(user: HookInput['user'], data: HookInput['email_data']): readonly AuthMail[] {
    const template = 'email_change';
    const type = 'email_change';
    const newAddress = user.new_email ?? user.email;
    if (!data.token_new || !data.token_hash_new) {
        return [
            {
                suffix: '',
                template,
                to: newAddress,
                data: { code: data.token, token_hash: data.token_hash, type }
            }
        ];
    }
    return [
        {
            suffix: ':current',
            template,
            to: user.email,
            data: { code: data.token, token_hash: data.token_hash_new, type }
        },
        {
            suffix: ':new',
            template,
            to: newAddress,
            data: { code: data.token_new, token_hash: data.token_hash, type }
        }
    ];
}
