/** The mail to a person whose login somebody got into so strangely that a code was asked for before they were let in. */
import { countryName } from '../../../../src/lib/domain/countries.ts';
import { dayOf, formatDay, formatTime } from '../../../../src/lib/domain/dates.ts';
import { layOut, type Mail } from './layout.ts';

export type SuspiciousSignInData = {
    /** ISO timestamp. */
    readonly at: string;
    readonly method: 'password' | 'provider';
    /** In words, like `Chrome on Android`. */
    readonly device: string | null;
    readonly address: string;
    /** A code of two letters (ISO 3166-1). */
    readonly country: string | null;
};

export function suspiciousSignInMail(
    { at, method, device, address, country }: SuspiciousSignInData,
    appOrigin: string
): Mail {
    const when = `${formatDay(dayOf(new Date(at)))} at ${formatTime(at)}`;
    const where = country === null ? '' : ` in ${countryName(country)}`;
    const what = device ?? 'A device that does not say what it is';
    const by =
        method === 'password'
            ? 'Somebody typed your password.'
            : 'Somebody came in by a provider, like Google or Apple.';
    const remedy =
        method === 'password'
            ? 'If it was not, choose a new password: yours is known to somebody.'
            : 'If it was not, change your password there: it is known to somebody.';
    return layOut({
        subject: 'An unusual sign-in to your TradersFlow was stopped',
        from: 'TradersFlow',
        preview: `${what}, ${when}`,
        blocks: [
            {
                kind: 'paragraph',
                lines: [
                    `${by} It looked unusual, so we let nobody in and asked for a code from your mailbox.`
                ]
            },
            {
                kind: 'figure',
                label: 'Device',
                value: what,
                note: `${when}, from the address ${address}${where}`
            },
            { kind: 'paragraph', lines: [`If that was you, type the code that we sent you. ${remedy}`] },
            ...(method === 'password'
                ? [{ kind: 'button', label: 'Choose a new password', url: `${appOrigin}/reset` } as const]
                : []),
            { kind: 'small', text: 'Give the code to nobody, whoever asks for it.' }
        ],
        footer: 'Sent by TradersFlow to whoever signs in with this address.'
    });
}
