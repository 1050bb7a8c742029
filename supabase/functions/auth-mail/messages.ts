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
    readonly to: string;
} & (
    | {
          readonly template: 'sign_in_code' | 'confirm_sign_up' | 'reset_password';
          readonly data: { readonly code: string; readonly token_hash: string; readonly type: string };
      }
    | {
          /** Confirmed by its link alone: two codes from two mailboxes are more than people type. */
          readonly template: 'email_change';
          readonly data: {
              readonly token_hash: string;
              readonly type: 'email_change';
              readonly old_address: string;
              readonly new_address: string;
          };
      }
);

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
    const [oldAddress, newAddress] = [user.email, user.new_email ?? user.email];
    const mail = (suffix: AuthMail['suffix'], to: string, tokenHash: string): AuthMail => ({
        suffix,
        template: 'email_change',
        to,
        data: {
            token_hash: tokenHash,
            type: 'email_change',
            old_address: oldAddress,
            new_address: newAddress
        }
    });
    return data.token_new && data.token_hash_new
        ? [mail(':current', oldAddress, data.token_hash_new), mail(':new', newAddress, data.token_hash)]
        : [mail('', newAddress, data.token_hash)];
}
