/** Mails that carry a code: what is put into each, what is stored of it, and how often one may be sent. */
import { newCode, PKCE_PREFIX, storeOneTimeToken, tokenHash, type TokenType } from './codes.ts';
import type { Work } from './contract.ts';
import { refusal } from './errors.ts';
import type { EmailData } from './hooks.ts';
import type { Challenge } from './pkce.ts';
import { updateUser, type User } from './users.ts';

type SentColumn = 'confirmation_sent_at' | 'recovery_sent_at' | 'reauthentication_sent_at';

const MAILS = {
    signup: ['confirmation_token', 'confirmation_sent_at'],
    recovery: ['recovery_token', 'recovery_sent_at'],
    magiclink: ['recovery_token', 'recovery_sent_at'],
    reauthentication: ['reauthentication_token', 'reauthentication_sent_at']
} as const satisfies Record<string, readonly [TokenType, SentColumn]>;

export type MailAction = keyof typeof MAILS;

/**
 * Mails a fresh code and stores its hash. The mail goes out inside the transaction: if it can't be sent, nothing
 * of the request remains.
 * @throws AuthError over_email_send_rate_limit, the hook's refusal
 */
export async function sendCode(work: Work, user: User, action: MailAction, flow: Challenge): Promise<User> {
    const [tokenColumn, sentColumn] = MAILS[action];
    demandGap(work, user[sentColumn]);
    const address = user.email ?? '';
    const code = newCode(work.auth.settings.email.otp_length);
    const hash = prefixed(tokenHash(address, code), flow);
    await sendMail(work, user, { token: code, token_hash: hash, email_action_type: action });
    await storeOneTimeToken(work, user, tokenColumn, hash, address);
    return updateUser(work, user, { [tokenColumn]: hash, [sentColumn]: work.now });
}

/**
 * Mails codes for a new address: to the new one, and with double confirmation to the current one too. In the hook's
 * payload `token` goes with `token_hash_new` for the current address, `token_new` with `token_hash` for the new one;
 * the published interface has them crossed.
 * @throws AuthError over_email_send_rate_limit, the hook's refusal
 */
export async function sendEmailChange(
    work: Work,
    user: User,
    address: string,
    flow: Challenge
): Promise<User> {
    const { settings } = work.auth;
    demandGap(work, user.email_change_sent_at);
    const length = settings.email.otp_length;
    const newAddressCode = newCode(length);
    const newAddressHash = prefixed(tokenHash(address, newAddressCode), flow);
    const both = settings.email.double_confirm_changes && user.email !== null;
    const currentCode = both ? newCode(length) : '';
    const currentHash = both ? prefixed(tokenHash(user.email ?? '', currentCode), flow) : '';
    const changing: User = { ...user, email_change: address };
    await sendMail(work, changing, {
        token: both ? currentCode : newAddressCode,
        token_hash: newAddressHash,
        email_action_type: 'email_change',
        ...(both ? { token_new: newAddressCode, token_hash_new: currentHash } : {})
    });
    await storeOneTimeToken(work, user, 'email_change_token_new', newAddressHash, address);
    if (both)
        await storeOneTimeToken(work, user, 'email_change_token_current', currentHash, user.email ?? '');
    return updateUser(work, user, {
        email_change: address,
        email_change_token_new: newAddressHash,
        email_change_token_current: currentHash,
        email_change_sent_at: work.now,
        email_change_confirm_status: 0
    });
}

/**
 * Hands a mail to the project's hook; what its data does not say is said empty, as published.
 * @throws AuthError over_email_send_rate_limit, the hook's refusal
 */
export async function sendMail(work: Work, user: User, data: Partial<EmailData>): Promise<void> {
    const { auth, caller } = work;
    if (!auth.settings.autoconfirm) auth.limits.email();
    await auth.hooks.sendEmail(work, user, {
        token: '',
        token_hash: '',
        redirect_to: caller.redirectTo,
        email_action_type: '',
        site_url: auth.externalUrl,
        token_new: '',
        token_hash_new: '',
        old_email: '',
        old_phone: '',
        provider: '',
        factor_type: '',
        ...data
    });
}

const prefixed = (hash: string, flow: Challenge): string => (flow ? PKCE_PREFIX + hash : hash);

function demandGap({ auth, now }: Work, sentAt: Date | null): void {
    if (!sentAt) return;
    const left = sentAt.getTime() + auth.settings.email.max_frequency - now.getTime();
    if (left <= 0) return;
    throw refusal(
        'over_email_send_rate_limit',
        `For security purposes, you can only request this after ${Math.floor(left / 1000)} seconds.`
    );
}

/**
 * An address in the form it is stored in.
 * @throws AuthError validation_failed
 */
export function readAddress(address: string): string {
    if (!address) throw refusal('validation_failed', 'An email address is required');
    if (address.length > 255) throw refusal('validation_failed', 'An email address is too long');
    if (
        !/^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/.test(
            address
        )
    ) {
        throw refusal('validation_failed', 'Unable to validate email address: invalid format');
    }
    return address.toLowerCase();
}
