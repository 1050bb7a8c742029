/** The mails about how somebody signs in: another address to be confirmed, and what was changed. */
import { dayOf, formatDay, formatTime } from '../../../../src/lib/domain/dates.ts';
import { layOut, type Block, type Mail } from './layout.ts';

export type EmailChangeData = {
    readonly token_hash: string;
    /** Verification type of the auth server that goes with `token_hash`. */
    readonly type: string;
    readonly old_address: string;
    readonly new_address: string;
};

/** To both addresses: only when both agree does the login move. */
export function emailChangeMail(data: EmailChangeData, appOrigin: string): Mail {
    const { token_hash, type } = data;
    const lead = `Somebody asked to sign in with ${data.new_address} in future, and no longer with ${data.old_address}.`;
    return layOut({
        subject: 'Confirm your new address for TradersFlow',
        from: 'TradersFlow',
        preview: lead,
        blocks: [
            { kind: 'paragraph', lines: [lead] },
            {
                kind: 'button',
                label: 'Confirm the change',
                url: `${appOrigin}/auth/confirm?${new URLSearchParams({ token_hash, type })}`
            },
            {
                kind: 'small',
                text: 'Both addresses get this e-mail, and both have to confirm. The button works for 10 minutes, once.'
            },
            {
                kind: 'small',
                text: 'If it was not you, do nothing: without you nothing changes. Then sign in and sign out every other device, because somebody else may be signed in as you.'
            }
        ],
        footer: 'Sent by TradersFlow because somebody who is signed in asked for this change.'
    });
}

export type ChangedData = {
    /** ISO timestamp. */
    readonly at: string;
    readonly link_token: string;
};

/** To the address that was left. */
export function emailChangedMail(
    { at, link_token, new_address }: ChangedData & { readonly new_address: string },
    appOrigin: string
): Mail {
    return changed(
        'The address of your TradersFlow login was changed',
        'You no longer sign in with this address.',
        { label: 'New address', value: new_address, note: whenOf(at) },
        'The button opens a page on which you get your login back: it is this address again, every device is signed out, and the password works no more. It works once, for a week.',
        link_token,
        appOrigin
    );
}

/** To the person whose password it is. */
export function passwordChangedMail({ at, link_token }: ChangedData, appOrigin: string): Mail {
    return changed(
        'The password of your TradersFlow login was changed',
        'Your password was changed or taken out of use, and every other device was signed out.',
        { label: 'Password', value: 'Changed', note: whenOf(at) },
        'The button opens a page on which you sign out every device and take that password out of use. It works once, for a week.',
        link_token,
        appOrigin
    );
}

const whenOf = (at: string): string => `${formatDay(dayOf(new Date(at)))} at ${formatTime(at)}`;

function changed(
    subject: string,
    lead: string,
    what: Omit<Extract<Block, { kind: 'figure' }>, 'kind'>,
    undo: string,
    token: string,
    appOrigin: string
): Mail {
    return layOut({
        subject,
        from: 'TradersFlow',
        preview: `${lead} ${what.note ?? ''}`,
        blocks: [
            { kind: 'paragraph', lines: [lead] },
            { kind: 'figure', ...what },
            { kind: 'paragraph', lines: ['Was that you? Then there is nothing to do.'] },
            {
                kind: 'button',
                label: 'This wasn’t me',
                url: `${appOrigin}/auth/not-me?token=${encodeURIComponent(token)}`
            },
            { kind: 'small', text: undo }
        ],
        footer: 'Sent by TradersFlow to whoever signs in with this address.'
    });
}
